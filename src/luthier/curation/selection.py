"""Vectors and suspicions of rows go in; out comes the order in which to keep them: sound ones that cover the rest."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.curation.neighbours import find_likest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Numbers = NDArray[np.float64]

POOL = 1.25
"""Rows to choose from for each row to keep: the least suspicious, with some room to prefer the different."""


PAIRS_KEPT = 8_000_000
"""Similarities in memory, some 130 MB: all there are among 2,800 rows."""

LEAST_LIKE = 100
"""Rows by which each row can be covered, however many rows there are."""


class _Reach(NamedTuple):
    """Which rows each row covers, and how well: those from `starts[row]` to `starts[row + 1]`."""

    starts: NDArray[np.intp]
    rows: NDArray[np.intp]
    similarities: Vectors

    def of(self, row: int) -> tuple[NDArray[np.intp], Vectors]:
        part = slice(self.starts[row], self.starts[row + 1])
        return self.rows[part], self.similarities[part]


class Choice(NamedTuple):
    """All rows in the order of their ranks; the first `kept` of them are kept."""

    order: tuple[int, ...]
    kept: int


def choose_rows(vectors: Vectors, suspicions: Numbers, *, count: int) -> Choice:
    """Keeps `count` rows of the least suspicious ones, chosen to cover all; the others follow by suspicion.

    Coverage is facility location: the sum, over all rows, of the cosine to the likest row kept. A row's gain counts
    as much as it is sound. Greedy choice is within 1 - 1/e of the best (Nemhauser, Wolsey and Fisher 1978). The
    earlier row where two are worth the same.
    """
    by_suspicion = np.argsort(suspicions, kind="stable")
    count = min(count, len(by_suspicion))
    if count == 0:
        return Choice(tuple(int(row) for row in by_suspicion), 0)
    border = suspicions[by_suspicion[min(len(by_suspicion), round(POOL * count)) - 1]]
    pool = np.flatnonzero(suspicions <= border)
    chosen = _cover(vectors, pool, 1 - suspicions[pool], count)
    taken = set(chosen)
    rest = [int(row) for row in by_suspicion if row not in taken]
    return Choice((*chosen, *rest), count)


def _cover(vectors: Vectors, pool: NDArray[np.intp], worths: Numbers, count: int) -> list[int]:
    """Lazy greedy (Minoux 1978): gains only shrink, so a gain that is still the largest when renewed is the one."""
    reach = _find_reach(vectors)
    covered = np.zeros(len(vectors), dtype=np.float32)

    def gain(place: int) -> float:
        rows, similarities = reach.of(int(pool[place]))
        worth = float(np.maximum(similarities - covered[rows], 0.0).sum(dtype=np.float64) * worths[place])
        return round(worth, 4)  # two rows that cover each other are worth the same, but for the last bits

    queue = [(-gain(place), place, 0) for place in range(len(pool))]
    heapq.heapify(queue)
    chosen: list[int] = []
    while len(chosen) < count:
        _, place, age = heapq.heappop(queue)
        if age == len(chosen):
            row = int(pool[place])
            chosen.append(row)
            rows, similarities = reach.of(row)
            covered[rows] = np.maximum(covered[rows], similarities)
        else:
            heapq.heappush(queue, (-gain(place), place, len(chosen)))
    return chosen


def _find_reach(vectors: Vectors) -> _Reach:
    """All pairs where there is room for them, and otherwise of each row those that are most like it."""
    rows = len(vectors)
    width = min(rows, max(LEAST_LIKE, PAIRS_KEPT // rows))
    likest = find_likest(vectors, vectors, count=width)
    coverers = likest.rows.ravel()
    order = np.argsort(coverers, kind="stable")
    covered = np.repeat(np.arange(rows), width)[order]
    similarities = likest.similarities.ravel()[order]
    starts = np.searchsorted(coverers[order], np.arange(rows + 1))
    return _Reach(starts, covered, np.clip(similarities, 0.0, 1.0))
