"""New rows that are tied to rows on different sides of a split become strands, each with its ties."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from luthier.data.likeness.shingles import find_boilerplate, hash_texts
from luthier.data.likeness.similarity import SAMPLED_TEXTS, shingle
from luthier.data.splits.bonds import choose_texts, prompt_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from luthier.data.dataset import Example
    from luthier.data.likeness.shingles import Hashes
    from luthier.data.splits.bonds import Bonds
    from luthier.data.splits.dealing import Side


class Tie(NamedTuple):
    """A new row, and the old one that it belongs to."""

    row: int
    old: int


class Strand(NamedTuple):
    """New rows that hang together, and for each side that they are tied to the first tie."""

    rows: tuple[int, ...]
    ties: Mapping[Side, Tie]


def find_strands(
    rows: Sequence[int], sides: Sequence[Side | None], is_tied: Callable[[int, int], bool]
) -> list[Strand]:
    """`sides` says where the old ones of all rows stand, and None for a new row."""
    waiting = [row for row in rows if sides[row] is None]
    old_rows = [(row, side) for row in rows if (side := sides[row]) is not None]
    strands: list[Strand] = []
    while waiting:
        strand = [waiting.pop(0)]
        for row in strand:
            reached = [other for other in waiting if is_tied(row, other)]
            strand += reached
            waiting = [other for other in waiting if other not in set(reached)]
        ties: dict[Side, Tie] = {}
        for row in strand:
            for old, side in old_rows:
                if side not in ties and is_tied(row, old):
                    ties[side] = Tie(row, old)
        strands.append(Strand(tuple(strand), ties))
    return strands


class Likeness:
    """Which of two rows belong together without any other between them; `near` as it is in `SplitOptions`."""

    def __init__(self, examples: Sequence[Example], bonds: Bonds, near: float | None) -> None:
        self._examples = examples
        self._bonds = bonds
        self._near = near
        self._shingles: dict[int, frozenset[int]] = {}

    def is_tied(self, one: int, other: int) -> bool:
        openings, groups, clusters = self._bonds
        if openings[one] == openings[other] or (groups[one] is not None and groups[one] == groups[other]):
            return True
        if self._near is None or clusters[one] is None or clusters[one] != clusters[other]:
            return False
        a, b = self._shingle(one), self._shingle(other)
        return len(a & b) >= self._near * len(a | b)

    def _shingle(self, row: int) -> frozenset[int]:
        if row not in self._shingles:
            text = prompt_text(self._examples[row])
            self._shingles[row] = frozenset(shingle(text, boilerplate=self._boilerplate).tolist())
        return self._shingles[row]

    @cached_property
    def _boilerplate(self) -> Hashes:
        texts = choose_texts(self._examples)
        return find_boilerplate(hash_texts(texts[:: 1 + len(texts) // SAMPLED_TEXTS]))
