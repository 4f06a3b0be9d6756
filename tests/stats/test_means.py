"""Intervals of means cover as they claim, with clusters and with differences that are mostly zero."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.special import stdtrit
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.weightstats import DescrStatsW

from luthier.stats.intervals import Interval, paired_difference_interval
from luthier.stats.means import estimate_mean, paired_mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DRAWS = 1_000  # three standard errors of a coverage of 95% are two points
EQUAL = np.repeat(np.arange(20), 5)
UNEQUAL = np.repeat(np.arange(20), [60, 30, 20, 15, 12, 10, 9, 8, 7, 6, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3])


def share_covered(
    draw: Callable[[np.random.Generator], NDArray[np.float64]],
    interval: Callable[[NDArray[np.float64]], Interval],
    truth: float,
) -> float:
    rng = np.random.default_rng(19)
    found = [interval(draw(rng)) for _ in range(DRAWS)]
    return float(np.mean([low - 1e-9 <= truth <= high + 1e-9 for low, high in found]))


def draw_clustered(clusters: NDArray[np.int64], alike: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """`alike` is the correlation of two values of one cluster."""
    shared = rng.standard_normal(clusters.max() + 1)[clusters]
    return np.sqrt(alike) * shared + np.sqrt(1 - alike) * rng.standard_normal(len(clusters))


def draw_rare(total: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Scores that hardly ever change, and then for the better: 3% of the cases, by one half in the mean."""
    return (rng.random(total) < 0.03) * rng.beta(2, 2, total)


def draw_ties(total: int, rng: np.random.Generator) -> NDArray[np.float64]:
    signs = rng.choice([1.0, -1.0], p=[0.8, 0.2], size=total)
    return (rng.random(total) < 0.2) * signs * rng.beta(2, 2, total)


def draw_fields(total: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return (rng.binomial(5, 0.8, total) - rng.binomial(5, 0.6, total)) / 5


def draw_whole_clusters(rng: np.random.Generator) -> NDArray[np.float64]:
    """Each cluster gets better, worse or stays, with all of its cases."""
    return rng.choice([1.0, -1.0, 0.0], p=[0.2, 0.05, 0.75], size=20)[EQUAL]


def robust_interval(values: NDArray[np.float64], clusters: NDArray[np.int64]) -> Interval:
    """What is usually done: as many degrees of freedom as clusters less one."""
    fit = OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True)
    return Interval(*fit.conf_int()[0])


def test_without_clusters_it_is_students_interval() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=37)
    low, high = estimate_mean(values).interval()
    assert (low, high) == pytest.approx(DescrStatsW(values).tconfint_mean())
    assert (low, high) == pytest.approx(tuple(estimate_mean(values, np.arange(37)).interval()))


def test_with_clusters_of_one_size_it_is_the_usual_robust_interval() -> None:
    values = draw_clustered(EQUAL, 0.5, np.random.default_rng(2))
    estimate = estimate_mean(values, EQUAL)
    assert (estimate.clusters, estimate.degrees_of_freedom) == (20, pytest.approx(19))
    means = values.reshape(20, 5).mean(axis=1)
    assert tuple(estimate.interval()) == pytest.approx(DescrStatsW(means).tconfint_mean())


def test_unequal_clusters_count_for_fewer_degrees_of_freedom() -> None:
    estimate = estimate_mean(np.random.default_rng(3).normal(size=len(UNEQUAL)), UNEQUAL)
    assert 5 < estimate.degrees_of_freedom < 12


@pytest.mark.parametrize("clusters", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
@pytest.mark.parametrize("alike", [0.0, 0.4, 0.95])
def test_the_interval_of_clustered_values_covers_as_it_claims(clusters: NDArray[np.int64], alike: float) -> None:
    covered = share_covered(
        lambda rng: draw_clustered(clusters, alike, rng), lambda values: estimate_mean(values, clusters).interval(), 0.0
    )
    assert 0.925 <= covered <= 0.975


def test_values_taken_for_independent_fail_the_same_bar() -> None:
    covered = share_covered(
        lambda rng: draw_clustered(EQUAL, 0.4, rng), lambda values: estimate_mean(values).interval(), 0.0
    )
    assert covered < 0.85


def test_as_many_degrees_as_clusters_less_one_fail_the_same_bar_for_unequal_clusters() -> None:
    rng = np.random.default_rng(19)
    draws = [draw_clustered(UNEQUAL, 0.4, rng) for _ in range(DRAWS)]
    sums = np.array([np.bincount(UNEQUAL, weights=values) for values in draws])
    sizes = np.bincount(UNEQUAL)
    means = sums.sum(axis=1) / sizes.sum()
    errors = np.sqrt(20 / 19 * ((sums - sizes * means[:, None]) ** 2).sum(axis=1)) / sizes.sum()
    reach = stdtrit(19, 0.975) * errors
    usual = robust_interval(draws[0], UNEQUAL)
    assert means[0] + reach[0] == pytest.approx(usual.high, rel=0.02)  # statsmodels has a slightly other factor
    assert np.mean(np.abs(means) <= reach) < 0.925


@pytest.mark.parametrize("total", [20, 50, 100])
@pytest.mark.parametrize(
    ("draw", "truth"), [(draw_rare, 0.015), (draw_ties, 0.06), (draw_fields, 0.2)], ids=["rare", "ties", "fields"]
)
def test_the_interval_of_paired_scores_covers_as_it_claims(
    total: int, draw: Callable[[int, np.random.Generator], NDArray[np.float64]], truth: float
) -> None:
    assert share_covered(lambda rng: draw(total, rng), paired_mean_interval, truth) >= 0.935


def test_students_interval_fails_the_same_bar_where_scores_hardly_change() -> None:
    assert share_covered(lambda rng: draw_rare(20, rng), lambda values: estimate_mean(values).interval(), 0.015) < 0.6


def test_the_interval_of_paired_scores_is_hardly_wider_than_students_where_that_one_covers() -> None:
    values = draw_fields(100, np.random.default_rng(4))
    ours, students = paired_mean_interval(values), estimate_mean(values).interval()
    assert ours.high - ours.low == pytest.approx(students.high - students.low, rel=0.05)


def test_clusters_that_change_as_a_whole_are_covered() -> None:
    covered = share_covered(draw_whole_clusters, lambda values: paired_mean_interval(values, EQUAL), 0.15)
    assert covered >= 0.935


def test_clusters_that_are_ignored_fail_the_same_bar() -> None:
    def ignore(values: NDArray[np.float64]) -> Interval:
        return paired_difference_interval(int((values > 0).sum()), int((values < 0).sum()), len(values))

    assert share_covered(draw_whole_clusters, ignore, 0.15) < 0.75


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.99])
def test_other_confidences_are_kept_too(confidence: float) -> None:
    covered = share_covered(
        lambda rng: draw_fields(40, rng), lambda values: paired_mean_interval(values, confidence=confidence), 0.2
    )
    assert confidence - 0.03 <= covered <= confidence + 0.04


def test_passed_and_failed_get_nearly_the_interval_of_bonett_and_price() -> None:
    values = np.repeat([1.0, -1.0, 0.0], [12, 4, 84])
    low, high = paired_mean_interval(values)
    assert (low, high) == pytest.approx(tuple(paired_difference_interval(12, 4, 100)), abs=0.003)


def test_scores_that_never_change_still_leave_doubt() -> None:
    low, high = paired_mean_interval(np.zeros(20))
    assert low == pytest.approx(-high)
    assert 0.05 < high < 0.2


def test_fewer_than_two_clusters_say_nothing() -> None:
    assert estimate_mean(np.array([0.3])).interval() == (-inf, inf)
    assert estimate_mean(np.ones(9), np.zeros(9, dtype=np.int64)).interval() == (-inf, inf)


def test_numbers_that_no_value_has_are_no_clusters() -> None:
    values = np.random.default_rng(5).normal(size=len(EQUAL))
    assert estimate_mean(values, EQUAL * 7) == estimate_mean(values, EQUAL)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        estimate_mean(np.array([]))
    with pytest.raises(ValueError, match="finite"):
        estimate_mean(np.array([0.1, np.nan]))
    with pytest.raises(ValueError, match="3 values cannot belong to 2 clusters"):
        estimate_mean(np.ones(3), np.array([0, 1]))
    with pytest.raises(ValueError, match="between -1 and 1"):
        paired_mean_interval(np.array([0.2, 1.5]))
    with pytest.raises(ValueError, match="confidence"):
        estimate_mean(np.ones(3)).interval(confidence=95)
