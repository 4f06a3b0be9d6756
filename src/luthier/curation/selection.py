"""Vectors and suspicions of rows go in; out comes the order in which to keep them: sound ones that cover the rest."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Numbers = NDArray[np.float64]

POOL = 1.25
"""Rows to choose from for each row to keep: the least suspicious, with some room to prefer the different."""


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
    """Lazy greedy (Minoux 1978): gains only shrink, so a gain that is still the largest when renewed is the one.

    Needs memory for one column of similarities, not for a matrix.
    """
    covered = np.zeros(len(vectors), dtype=np.float32)

    def gain(place: int) -> float:
        similarities = np.clip(vectors @ vectors[pool[place]], 0.0, 1.0)
        worth = float(np.maximum(similarities - covered, 0.0).sum(dtype=np.float64) * worths[place])
        return round(worth, 4)  # two rows that cover each other are worth the same, but for the last bits

    queue = [(-gain(place), place, 0) for place in range(len(pool))]
    heapq.heapify(queue)
    chosen: list[int] = []
    while len(chosen) < count:
        _, place, age = heapq.heappop(queue)
        if age == len(chosen):
            row = int(pool[place])
            chosen.append(row)
            covered = np.maximum(covered, np.clip(vectors @ vectors[row], 0.0, 1.0))
        else:
            heapq.heappush(queue, (-gain(place), place, len(chosen)))
    return chosen
