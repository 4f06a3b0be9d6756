"""Counts of passed cases among two separate sets of cases become an interval for the difference of their rates."""

from __future__ import annotations

from math import sqrt

from luthier.stats.intervals import Interval, wilson_interval


def independent_difference_interval(
    passed: int, total: int, other_passed: int, other_total: int, *, confidence: float = 0.95
) -> Interval:
    """Where the true difference lies, the first rate less the other, when no case is in both sets.

    Joins the Wilson intervals of the two rates, so it stays inside [-1, 1] and is never empty.
    Raises ValueError for impossible counts.
    Source: Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10.
    """
    first = wilson_interval(passed, total, confidence=confidence)
    other = wilson_interval(other_passed, other_total, confidence=confidence)
    rate, other_rate = passed / total, other_passed / other_total
    difference = rate - other_rate
    low = difference - sqrt((rate - first.low) ** 2 + (other.high - other_rate) ** 2)
    high = difference + sqrt((first.high - rate) ** 2 + (other_rate - other.low) ** 2)
    return Interval(low, high)
