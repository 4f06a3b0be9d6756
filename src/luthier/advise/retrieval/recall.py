"""Rows that name the document of their answer go in, and how often the search finds it comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.stats.intervals import Interval, wilson_interval

if TYPE_CHECKING:
    from luthier.advise.retrieval.passages import Passage

DEPTHS = (1, 3, 5, 10)


class RecallAt(NamedTuple):
    """Of `total` questions, `found` have a passage of a wanted document among the first `depth`."""

    depth: int
    found: int
    total: int

    @property
    def rate(self) -> float:
        return self.found / self.total

    @property
    def interval(self) -> Interval:
        return wilson_interval(self.found, self.total)


def measure_recall(wanted: Sequence[frozenset[str]], found: Sequence[Sequence[Passage]]) -> tuple[RecallAt, ...]:
    """For each question the documents that are right and the passages that were found, the best first.

    Questions that name no document are left out; empty when all do.
    """
    asked = [
        (right, [passage.source for passage in passages])
        for right, passages in zip(wanted, found, strict=True)
        if right
    ]
    if not asked:
        return ()
    return tuple(
        RecallAt(depth, sum(not right.isdisjoint(sources[:depth]) for right, sources in asked), len(asked))
        for depth in DEPTHS
    )


def find_wanted(metadata: dict[str, Any], key: str, documents: Sequence[str]) -> frozenset[str]:
    """The documents that a row names under `key`: one path or a list of them, as below the folder or the name alone.

    What is no document of the corpus is left out: a key of that name may well mean something else.
    """
    value = metadata.get(key)
    named = {each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)}
    return frozenset(path for path in documents if path in named or path.rpartition("/")[2] in named)
