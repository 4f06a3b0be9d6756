"""Vectors become the nearest other rows of each row, and ranks of each row's answer among all answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def find_nearest(vectors: Vectors, *, count: int = NEIGHBOURS) -> NDArray[np.intp]:
    """(N, min(count, N - 1)) indices by cosine, the nearest first; of those, the earlier row where two are as near."""
    rows = len(vectors)
    count = min(count, rows - 1)
    nearest = np.empty((rows, max(count, 0)), dtype=np.intp)
    for block in _blocks(rows):
        similarities = vectors[block] @ vectors.T
        similarities[np.arange(len(similarities)), np.arange(block.start, block.stop)] = -np.inf
        nearest[block] = _find_largest(similarities, count)
    return nearest


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
    for block in _blocks(rows):
        similarities = asking[block] @ answering.T
        own = similarities[np.arange(len(similarities)), np.arange(block.start, block.stop)]
        ranks[block] = (similarities > own[:, None]).mean(axis=1)
    return ranks


def _blocks(rows: int) -> Iterator[slice]:
    height = max(1, BLOCK_BYTES // (4 * max(rows, 1)))
    return (slice(start, min(start + height, rows)) for start in range(0, rows, height))
