"""Rows that an earlier split has dealt stay on their sides, and new ones follow those that they belong to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from luthier.data.splits.bonds import find_bonds, fingerprint_opening, join_rows
from luthier.data.splits.dealing import SIDES
from luthier.data.splits.knots import Likeness, find_strands
from luthier.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from luthier.data.dataset import Dataset, Example
    from luthier.data.splits.bonds import Bonds
    from luthier.data.splits.dealing import Side
    from luthier.data.splits.knots import Strand
    from luthier.data.splits.options import SplitOptions

    EarlierSides = Mapping[Side, Sequence[Example]]

HINT = "delete these rows, or deal all rows anew with --fresh"


class Placed(NamedTuple):
    """Rows, by their indices, that belong together, and the side they have to be on; None for any."""

    rows: tuple[int, ...]
    side: Side | None = None


class Turnover(NamedTuple):
    """How many rows an earlier split has too, how many it has not, and how many only it has."""

    kept: int
    new: int
    removed: int


def count_turnover(examples: Sequence[Example], earlier: EarlierSides) -> Turnover:
    """Rows are known by their content: other metadata makes no new row."""
    now = Counter(example.content_fingerprint for example in examples)
    then = Counter(example.content_fingerprint for rows in earlier.values() for example in rows)
    kept = (now & then).total()
    return Turnover(kept, now.total() - kept, then.total() - kept)


def place_rows(dataset: Dataset, bonds: Bonds, earlier: EarlierSides, options: SplitOptions) -> list[Placed]:
    """All rows in units. One with an old row has its side; so has one with a row that asks the same as an old one.

    Raises InvalidDataset that names the rows which belong to rows on different sides. Old rows that only by now
    resemble each other across sides are left where they are.
    """
    sides = _find_sides(dataset.examples, bonds, earlier)
    likeness = Likeness(dataset.examples, bonds, options.near)
    misplaced = [*_find_parted(dataset, bonds.openings, sides), *_find_parted(dataset, bonds.groups, sides)]
    placed: list[Placed] = []
    for rows in join_rows(*bonds):
        standing = sorted({side for row in rows if (side := sides[row])})
        if len(standing) < 2:
            placed.append(Placed(tuple(rows), next(iter(standing), None)))
            continue
        placed += [Placed(tuple(row for row in rows if sides[row] == side), side) for side in standing]
        for strand in find_strands(rows, sides, likeness.is_tied):
            placed.append(Placed(strand.rows, next(iter(strand.ties), None)))
            misplaced += _find_torn(dataset, strand)
    if misplaced:
        count = f"{len(misplaced)} row{'s' if len(misplaced) > 1 else ''}"
        raise InvalidDataset(f"{count} cannot be placed without a leak", rows=misplaced, hint=HINT)
    return _follow_removed(placed, dataset.examples, earlier, options)


def _find_sides(examples: Sequence[Example], bonds: Bonds, earlier: EarlierSides) -> list[Side | None]:
    """By content, or else by the way the conversation begins, so that a corrected answer stays on its side."""
    by_content: dict[str, Side] = {}
    by_opening: dict[str, Side] = {}
    for side, rows in earlier.items():
        for example in rows:
            by_content[example.content_fingerprint] = side
            by_opening[fingerprint_opening(example.conversation)] = side
    return [
        by_content.get(example.content_fingerprint, by_opening.get(opening))
        for example, opening in zip(examples, bonds.openings, strict=True)
    ]


def _find_parted(dataset: Dataset, keys: Sequence[str | None], sides: Sequence[Side | None]) -> Iterator[str]:
    """Old rows on different sides that somebody has since put into one group or conversation."""
    first: dict[str, int] = {}
    for row, (key, side) in enumerate(zip(keys, sides, strict=True)):
        if key is None or side is None:
            continue
        other = first.setdefault(key, row)
        if sides[other] != side:
            yield (
                f"{_locate(dataset, row)}: has to stay in {side}, "
                f"but belongs with line {dataset.examples[other].line} in {sides[other]}"
            )


def _find_torn(dataset: Dataset, strand: Strand) -> Iterator[str]:
    """New rows that belong to old ones on different sides, by themselves or through each other."""
    if len(strand.ties) < 2:
        return
    ends = [f"line {dataset.examples[tie.old].line} ({side})" for side, tie in strand.ties.items()]
    for row in sorted({tie.row for tie in strand.ties.values()}):
        others = [str(dataset.examples[tie.row].line) for tie in strand.ties.values() if tie.row != row]
        through = f", through line {' and line '.join(others)}" if others else ""
        yield f"{_locate(dataset, row)}: belongs with {' and '.join(ends)}{through}"


def _locate(dataset: Dataset, row: int) -> str:
    return f"{dataset.path.name}:{dataset.examples[row].line}"


def _follow_removed(
    placed: list[Placed], examples: Sequence[Example], earlier: EarlierSides, options: SplitOptions
) -> list[Placed]:
    """Units without an old row go where a removed row stood that they resemble, such as one whose prompt was mended.

    Where these stood on several sides, training is taken: what was trained on must not be tested later.
    """
    now = {fingerprint_opening(example.conversation) for example in examples}
    removed = [
        (example, side)
        for side, rows in earlier.items()
        for example in rows
        if fingerprint_opening(example.conversation) not in now
    ]
    if not removed or all(unit.side for unit in placed):
        return placed
    bonds = find_bonds([*examples, *(example for example, _ in removed)], options)
    side_of_row: dict[int, Side] = {}
    for rows in join_rows(*bonds):
        sides = {removed[row - len(examples)][1] for row in rows if row >= len(examples)}
        if sides:
            side_of_row.update(dict.fromkeys(rows, min(sides, key=SIDES.index)))
    return [unit if unit.side else unit._replace(side=side_of_row.get(unit.rows[0])) for unit in placed]
