"""Each interval covers the truth as often as it claims, counted exactly and by simulation.

The bar is the same for all: the coverage of a 95% interval, averaged over many truths, is 94.5 to 98.5%,
and at its worst truth no lower than a floor. A plain normal approximation has to meet it too, and fails.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import binom, multinomial

from luthier.stats.intervals import (
    Interval,
    none_failed_bound,
    paired_difference_interval,
    wilson_interval,
)

if TYPE_CHECKING:
    from collections.abc import Callable

TOTALS = [20, 30, 50, 100]
RATES = np.linspace(0.01, 0.99, 99)
# (fraction fixed, fraction broken): equal models, small and large gains, a base that knows nothing.
TRUTHS = [
    *[(0.02, 0.02), (0.05, 0.05), (0.1, 0.1), (0.2, 0.2), (0.5, 0.5), (0.1, 0.0), (0.1, 0.05), (0.2, 0.05)],
    *[(0.3, 0.1), (0.05, 0.4), (0.4, 0.02), (0.6, 0.05), (0.8, 0.0), (0.9, 0.02), (0.95, 0.0), (0.99, 0.0)],
]
WILSON_FLOOR = 0.83  # Brown, Cai and DasGupta (2001): Wilson dips there for rates near 0 and 1
PAIRED_FLOOR = 0.93


def plain_rate_interval(passed: int, total: int) -> Interval:
    rate = passed / total
    reach = 1.96 * sqrt(rate * (1 - rate) / total)
    return Interval(rate - reach, rate + reach)


def plain_difference_interval(fixed: int, broken: int, total: int) -> Interval:
    gain = (fixed - broken) / total
    reach = 1.96 * sqrt(((fixed + broken) / total - gain**2) / total)
    return Interval(gain - reach, gain + reach)


def is_inside(truth: float, interval: Interval) -> bool:
    return interval.low - 1e-9 <= truth <= interval.high + 1e-9


def rate_coverage(interval: Callable[[int, int], Interval], total: int) -> list[float]:
    intervals = [interval(passed, total) for passed in range(total + 1)]
    return [sum(binom.pmf(x, total, rate) for x in range(total + 1) if is_inside(rate, intervals[x])) for rate in RATES]


def difference_coverage(interval: Callable[[int, int, int], Interval], total: int) -> list[float]:
    tables = np.array([(fixed, broken) for fixed in range(total + 1) for broken in range(total + 1 - fixed)])
    full = np.column_stack([tables, total - tables.sum(axis=1)])
    bounds = np.array([interval(fixed, broken, total) for fixed, broken in tables.tolist()])
    coverage = []
    for fixed, broken in TRUTHS:
        mass = multinomial.pmf(full, total, [fixed, broken, 1 - fixed - broken])
        covers = (bounds[:, 0] <= fixed - broken + 1e-9) & (bounds[:, 1] >= fixed - broken - 1e-9)
        coverage.append(float(mass[covers].sum()))
    return coverage


def meets_bar(coverage: list[float], floor: float) -> bool:
    return 0.945 <= float(np.mean(coverage)) <= 0.985 and min(coverage) >= floor


@pytest.mark.parametrize("total", TOTALS)
def test_the_interval_of_a_pass_rate_covers_as_it_claims(total: int) -> None:
    assert meets_bar(rate_coverage(wilson_interval, total), WILSON_FLOOR)


@pytest.mark.parametrize("total", TOTALS)
def test_a_plain_interval_of_a_pass_rate_fails_the_same_bar(total: int) -> None:
    assert not meets_bar(rate_coverage(plain_rate_interval, total), WILSON_FLOOR)


@pytest.mark.parametrize("total", TOTALS)
def test_the_interval_of_a_paired_difference_covers_as_it_claims(total: int) -> None:
    assert meets_bar(difference_coverage(paired_difference_interval, total), PAIRED_FLOOR)


@pytest.mark.parametrize("total", TOTALS)
def test_a_plain_interval_of_a_paired_difference_fails_the_same_bar(total: int) -> None:
    assert not meets_bar(difference_coverage(plain_difference_interval, total), PAIRED_FLOOR)


@pytest.mark.parametrize(("base", "tuned"), [(0.01, 0.95), (0.4, 0.7), (0.8, 0.8)])
def test_simulated_evaluations_of_two_models_are_covered(base: float, tuned: float) -> None:
    """From the pass or fail of single cases, so that mixing up fixed and broken would show."""
    rng = np.random.default_rng(3)
    draws, total = 4_000, 50
    base_passed = rng.random((draws, total)) < base
    tuned_passed = rng.random((draws, total)) < tuned
    fixed = (tuned_passed & ~base_passed).sum(axis=1).tolist()
    broken = (base_passed & ~tuned_passed).sum(axis=1).tolist()
    gains = [paired_difference_interval(up, down, total) for up, down in zip(fixed, broken, strict=True)]
    rates = [wilson_interval(passed, total) for passed in tuned_passed.sum(axis=1).tolist()]
    # Three standard errors of 4,000 draws are one point; discreteness takes the rest.
    assert np.mean([is_inside(tuned - base, interval) for interval in gains]) >= 0.94
    assert np.mean([is_inside(tuned, interval) for interval in rates]) >= 0.92


@pytest.mark.parametrize(("passed", "total", "percent"), [(16, 20, (58, 92)), (40, 50, (67, 89))])
def test_the_interval_of_eighty_percent_is_the_published_one(passed: int, total: int, percent: tuple[int, int]) -> None:
    interval = wilson_interval(passed, total)
    assert (round(100 * interval.low), round(100 * interval.high)) == percent


def test_none_or_all_passed_still_leaves_doubt() -> None:
    assert wilson_interval(0, 20) == (0.0, pytest.approx(0.161, abs=1e-3))
    assert wilson_interval(20, 20) == (pytest.approx(0.839, abs=1e-3), 1.0)


def test_two_models_that_always_agree_still_leave_doubt() -> None:
    interval = paired_difference_interval(0, 0, 50)
    assert interval.high > 0.03
    assert interval.low == -interval.high


@pytest.mark.parametrize("total", [1, 2, 7, 40])
def test_the_difference_that_was_seen_lies_inside_and_within_bounds(total: int) -> None:
    for fixed in range(total + 1):
        for broken in range(total + 1 - fixed):
            low, high = paired_difference_interval(fixed, broken, total)
            assert -1 <= low <= (fixed - broken) / total <= high <= 1


def test_swapping_the_models_turns_the_interval_around() -> None:
    there, back = paired_difference_interval(9, 2, 30), paired_difference_interval(2, 9, 30)
    assert there == (pytest.approx(-back.high), pytest.approx(-back.low))


def test_more_confidence_is_wider_and_more_cases_are_narrower() -> None:
    assert wilson_interval(8, 10, confidence=0.99).low < wilson_interval(8, 10).low
    assert wilson_interval(8, 10).low < wilson_interval(80, 100).low
    assert paired_difference_interval(8, 1, 20, confidence=0.99).low < paired_difference_interval(8, 1, 20).low
    assert paired_difference_interval(8, 1, 20).low < paired_difference_interval(80, 10, 200).low


@pytest.mark.parametrize("total", [0, -3])
def test_no_cases_give_no_interval(total: int) -> None:
    with pytest.raises(ValueError, match="at least one case"):
        wilson_interval(0, total)
    with pytest.raises(ValueError, match="at least one case"):
        paired_difference_interval(0, 0, total)


def test_counts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="12 \\+ 9 cases do not fit in 20"):
        paired_difference_interval(12, 9, 20)
    with pytest.raises(ValueError, match="do not fit"):
        wilson_interval(21, 20)
    with pytest.raises(ValueError, match="do not fit"):
        wilson_interval(-1, 20)


@pytest.mark.parametrize(("total", "percent"), [(20, 13.9), (50, 5.8)])
def test_none_failed_still_allows_the_published_rate(total: int, percent: float) -> None:
    assert round(100 * none_failed_bound(total), 1) == percent


@pytest.mark.parametrize("total", [1, 7, 300])
def test_a_rate_above_the_bound_would_have_failed_once_in_19_of_20_test_sets(total: int) -> None:
    bound = none_failed_bound(total)
    assert 1 - binom.pmf(0, total, bound) == pytest.approx(0.95)
    rng = np.random.default_rng(13)
    assert np.mean(rng.binomial(total, min(1.0, bound + 0.01), size=20_000) > 0) >= 0.95


def test_the_bound_of_none_failed_is_wider_with_more_confidence_and_needs_a_case() -> None:
    assert none_failed_bound(20, confidence=0.99) > none_failed_bound(20)
    with pytest.raises(ValueError, match="at least one case"):
        none_failed_bound(0)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_that_is_no_fraction_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        wilson_interval(5, 10, confidence=confidence)
