"""Vectors become the nearest other rows of each row, and ranks of each row's answer among all answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Numbers = NDArray[np.float64]

NEIGHBOURS = 10
"""Enough for a majority that survives 30 percent of wrong answers; on planted noise 3 and 5 found less."""

BLOCK_BYTES = 64 * 2**20
"""Of similarities at once, so that memory does not grow with the square of the rows."""


class Nearest(NamedTuple):
    """(N, k) each, the nearest first; of rows that are as near, the earlier one."""

    rows: NDArray[np.intp]
    similarities: Vectors


def find_nearest(vectors: Vectors, *, count: int = NEIGHBOURS) -> Nearest:
    """The k = min(count, N - 1) other rows of the greatest cosine."""
    return find_likest(vectors, vectors, count=min(count, len(vectors) - 1), without_self=True)


def find_likest(asking: Vectors, among: Vectors, *, count: int, without_self: bool = False) -> Nearest:
    """For each of `asking` the likest of `among`; `without_self` when these are the same rows."""
    found = Nearest(np.empty((len(asking), count), dtype=np.intp), np.empty((len(asking), count), dtype=np.float32))
    for block in _blocks(len(asking), len(among)):
        similarities = asking[block] @ among.T
        if without_self:
            similarities[np.arange(len(similarities)), np.arange(block.start, block.stop)] = -np.inf
        places = _find_largest(similarities, count)
        found.rows[block] = places
        found.similarities[block] = np.take_along_axis(similarities, places, axis=1)
    return found


def _find_largest(values: Vectors, count: int) -> NDArray[np.intp]:
    """Of each row. Sorting only what can be among them takes time linear in the width."""
    if count == 0:
        return np.empty((len(values), 0), dtype=np.intp)
    places = np.sort(np.argpartition(-values, count - 1, axis=1)[:, :count], axis=1)
    order = np.argsort(-np.take_along_axis(values, places, axis=1), axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1)


def rank_own(asking: Vectors, answering: Vectors) -> Numbers:
    """For each row the share of all rows whose answer is nearer to what it asks than its own is: 0 is the best.

    A row whose answer belongs elsewhere lands at any place with equal chance.
    """
    rows = len(asking)
    ranks = np.empty(rows)
    for block in _blocks(rows, rows):
        similarities = asking[block] @ answering.T
        own = similarities[np.arange(len(similarities)), np.arange(block.start, block.stop)]
        ranks[block] = (similarities > own[:, None]).mean(axis=1)
    return ranks


def _blocks(rows: int, width: int) -> Iterator[slice]:
    height = max(1, BLOCK_BYTES // (4 * max(width, 1)))
    return (slice(start, min(start + height, rows)) for start in range(0, rows, height))
