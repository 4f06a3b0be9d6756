"""How sure a model was and whether it was right become bins, each with an interval, and what is left unexplained."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.stats.intervals import Interval, Measured, wilson_interval
from luthier.stats.means import estimate_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEWEST_IN_BIN = 10


class Bin(NamedTuple):
    """`low` and `high` are the least and the most sure of its cases, `confidence` their mean."""

    low: float
    high: float
    total: int
    confidence: float
    pass_rate: float
    interval: Interval


class Calibration(NamedTuple):
    """`brier` is the mean squared distance of confidence and truth: 0 at best, 0.25 for always saying one half.

    `expected_error` is the mean distance of confidence and pass rate over the bins, weighted by cases. Luck alone makes
    it larger than 0: `error_by_chance` is what a model whose confidences are exactly right would show on average.
    """

    total: int
    brier: Measured
    expected_error: float
    error_by_chance: float
    bins: tuple[Bin, ...]


def measure_calibration(confidences: Sequence[float], passed: Sequence[bool], *, most_bins: int = 10) -> Calibration:
    """Bins hold equally many cases, at least ten where there are so many; equal confidences are never torn apart.

    Raises ValueError for no cases, unlike lengths, or a confidence outside [0, 1].
    """
    sure, right = np.asarray(confidences, dtype=np.float64), np.asarray(passed, dtype=np.float64)
    if len(sure) != len(right) or not len(sure):
        raise ValueError(f"{len(sure)} confidences and {len(right)} outcomes are no pairs")
    if not np.all((sure >= 0) & (sure <= 1)):
        raise ValueError("a confidence lies between 0 and 1")
    groups = split_evenly(sure, most_bins)
    bins = tuple(describe_bin(sure[group], right[group]) for group in groups)
    weights = np.array([each.total for each in bins]) / len(sure)
    gaps = np.array([abs(each.pass_rate - each.confidence) for each in bins])
    return Calibration(
        total=len(sure),
        brier=measure_brier(sure, right),
        expected_error=float(weights @ gaps),
        error_by_chance=float(weights @ [expect_gap(sure[group]) for group in groups]),
        bins=bins,
    )


def measure_brier(sure: NDArray[np.float64], right: NDArray[np.float64]) -> Measured:
    """Its interval is Student's, with one case added that could not be more wrong and one that could not be more right,
    so that few cases without a surprise leave room for one."""
    squares = (sure - right) ** 2
    low, high = estimate_mean(np.append(squares, [0.0, 1.0])).interval()
    value = float(squares.mean())
    return Measured(value, Interval(max(0.0, min(low, value)), min(1.0, max(high, value))))


def split_evenly(sure: NDArray[np.float64], most_bins: int) -> list[NDArray[np.int64]]:
    count = max(1, min(most_bins, len(sure) // FEWEST_IN_BIN))
    edges = np.unique(np.quantile(sure, np.arange(1, count) / count, method="inverted_cdf"))
    places = np.searchsorted(edges, sure, side="left")
    groups = [np.flatnonzero(places == place) for place in range(len(edges) + 1)]
    return [group for group in groups if len(group)]


def describe_bin(sure: NDArray[np.float64], right: NDArray[np.float64]) -> Bin:
    passed, total = int(right.sum()), len(right)
    return Bin(
        low=float(sure.min()),
        high=float(sure.max()),
        total=total,
        confidence=float(sure.mean()),
        pass_rate=passed / total,
        interval=wilson_interval(passed, total),
    )


def expect_gap(sure: NDArray[np.float64]) -> float:
    """Of a bin whose cases pass exactly as often as they should: the mean distance of a normal variable from zero."""
    variance = float(np.sum(sure * (1 - sure))) / len(sure) ** 2
    return float(np.sqrt(2 / np.pi * variance))
