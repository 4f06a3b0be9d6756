"""Sizes become the bars of a histogram that is easy to read: few, equally wide, with round edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from array import array

BARS = 6
ROUND_STEPS = (1, 2, 5, 10)
"""Times a power of ten, these are the widths of bars."""


class Bar(NamedTuple):
    """So many rows have a size from `low` to `high`, both included."""

    low: int
    high: int
    rows: int


def draw_bars(sizes: array[int]) -> list[Bar]:
    """The last bar holds all beyond the 99th percentile, so that one huge row does not flatten all others."""
    if not sizes:
        return []
    column = np.asarray(sizes)
    low, usual, longest = int(column.min()), int(np.percentile(column, 99, method="higher")), int(column.max())
    width = _round_up((usual - low + 1) / BARS)
    edges = list(range(low // width * width, usual + 1, width))
    end = max(longest, edges[-1] + width - 1)
    counts, _ = np.histogram(column, bins=[*edges, end + 1])
    highs = [*(edge - 1 for edge in edges[1:]), end]
    return [Bar(*bar) for bar in zip(edges, highs, counts.tolist(), strict=True)]


def _round_up(width: float) -> int:
    power = 1
    while power * ROUND_STEPS[-1] < width:
        power *= 10
    return next(power * step for step in ROUND_STEPS if power * step >= width)
