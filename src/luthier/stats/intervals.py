"""Counts of passed cases become intervals for a pass rate, or for the difference between two models."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from scipy.special import ndtri


class Interval(NamedTuple):
    low: float
    high: float


class Measured(NamedTuple):
    """A number with the interval that covers its truth."""

    value: float
    interval: Interval


def wilson_interval(passed: int, total: int, *, confidence: float = 0.95) -> Interval:
    """Where a model's true pass rate lies, given that it passed `passed` of `total` cases.

    Never empty and never outside [0, 1], even for 0 or all passed. Raises ValueError for impossible counts.
    Source: Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    _check_counts(total, passed)
    z = _normal_quantile(confidence)
    rate = passed / total
    centre = (rate + z * z / (2 * total)) / (1 + z * z / total)
    reach = z * sqrt(rate * (1 - rate) / total + (z / (2 * total)) ** 2) / (1 + z * z / total)
    # These two bounds are exact; rounding would leave them a hair inside or outside.
    return Interval(centre - reach if passed else 0.0, centre + reach if passed < total else 1.0)


def paired_difference_interval(fixed: int, broken: int, total: int, *, confidence: float = 0.95) -> Interval:
    """Where the true gain lies, a difference of pass rates in [-1, 1], when both models saw the same cases.

    `fixed` cases went from fail to pass, `broken` from pass to fail, out of `total`. One case is added to
    each kind before the normal approximation, so the interval keeps its width when the models always agree.
    Raises ValueError for impossible counts. Why this one: docs/decisions/0001-paired-difference-interval.md.
    Source: Bonett and Price, Journal of Educational and Behavioral Statistics 37 (2012), 479-488.
    """
    _check_counts(total, fixed, broken)
    fixed_fraction = (fixed + 1) / (total + 2)
    broken_fraction = (broken + 1) / (total + 2)
    gain = fixed_fraction - broken_fraction
    variance = (fixed_fraction + broken_fraction - gain**2) / (total + 2)
    reach = _normal_quantile(confidence) * sqrt(variance)
    return Interval(max(gain - reach, -1.0), min(gain + reach, 1.0))


def none_failed_bound(total: int, *, confidence: float = 0.95) -> float:
    """The highest failure rate that is still believable when none of `total` cases failed; one-sided and exact.

    13.9% for 20 cases, 5.8% for 50: what to say in place of "100 percent". Raises ValueError for no cases.
    Source: Clopper and Pearson, Biometrika 26 (1934), 404-413, for a count of zero.
    """
    _check_counts(total, 0)
    check_confidence(confidence)
    return float(1 - (1 - confidence) ** (1 / total))


def check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")


def _check_counts(total: int, *parts: int) -> None:
    if total < 1:
        raise ValueError(f"an interval needs at least one case, not {total}")
    if min(parts) < 0 or sum(parts) > total:
        raise ValueError(f"{' + '.join(map(str, parts))} cases do not fit in {total}")


def _normal_quantile(confidence: float) -> float:
    """The z that encloses `confidence` of a standard normal distribution: 1.96 for 0.95."""
    check_confidence(confidence)
    return float(ndtri(0.5 + confidence / 2))
