"""The interval of a difference between two separate sets of cases: against others' numbers, and whether it covers."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from luthier.stats.independent import independent_difference_interval


@pytest.mark.parametrize(
    ("passed", "total", "other", "other_total"), [(56, 70, 48, 80), (9, 10, 3, 10), (10, 10, 0, 20)]
)
def test_it_is_newcombes(passed: int, total: int, other: int, other_total: int) -> None:
    low, high = confint_proportions_2indep(passed, total, other, other_total, method="newcomb", compare="diff")
    assert independent_difference_interval(passed, total, other, other_total) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(("rate", "other_rate"), [(0.95, 0.6), (0.99, 0.9), (0.5, 0.5), (1.0, 0.7)])
@pytest.mark.parametrize("total", [20, 100])
def test_it_covers_the_truth_as_often_as_it_says(rate: float, other_rate: float, total: int) -> None:
    dice = np.random.default_rng(1)
    draws = [*zip(dice.binomial(total, rate, 2000), dice.binomial(total, other_rate, 2000), strict=True)]
    known = {(one, two): independent_difference_interval(int(one), total, int(two), total) for one, two in {*draws}}
    intervals = [known[draw] for draw in draws]
    covered = sum(interval.low <= rate - other_rate <= interval.high for interval in intervals) / len(intervals)
    assert covered > 0.93


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        independent_difference_interval(3, 2, 1, 2)
