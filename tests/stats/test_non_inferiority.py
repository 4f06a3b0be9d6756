"""A guardrail lets a model that is worse by just the margin through once in twenty, and a good one nearly always.

Pass rates by going through every outcome, scores and clusters by simulation.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import multinomial

from luthier.stats.intervals import Interval, paired_difference_interval
from luthier.stats.non_inferiority import check_means, check_rates, judge, score_interval, score_statistic

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Z = 1.6448536269514722
NUISANCES = (0.0, 0.01, 0.03, 0.08, 0.15, 0.25)
"""Fractions of cases that get better all the same."""


@cache
def all_tables(total: int) -> NDArray[np.int64]:
    tables = np.array([(fixed, broken) for fixed in range(total + 1) for broken in range(total + 1 - fixed)])
    return np.column_stack([tables, total - tables.sum(axis=1)])


def largest_size(holds: Callable[[NDArray[np.int64]], NDArray[np.bool_]], total: int, margin: float) -> float:
    """How often a model that is worse by just the margin passes, at the worst of the nuisances."""
    tables = all_tables(total)
    passes = holds(tables)
    sizes = [multinomial.pmf(tables, total, [up, up + margin, 1 - 2 * up - margin])[passes].sum() for up in NUISANCES]
    return float(max(sizes))


@pytest.mark.parametrize("total", [20, 50, 100, 200])
@pytest.mark.parametrize("margin", [0.02, 0.05, 0.1])
def test_a_loss_of_just_the_margin_passes_in_one_of_twenty(total: int, margin: float) -> None:
    def holds(tables: NDArray[np.int64]) -> NDArray[np.bool_]:
        return score_statistic(tables[:, 0], tables[:, 1], total, -margin) >= Z

    assert largest_size(holds, total, margin) <= 0.06


def test_the_bar_catches_the_interval_of_the_comparison() -> None:
    def holds(tables: NDArray[np.int64]) -> NDArray[np.bool_]:
        lows = [paired_difference_interval(up, down, 200, confidence=0.9).low for up, down, _ in tables.tolist()]
        return np.array(lows) >= -0.02

    assert largest_size(holds, 200, 0.02) > 0.08


def test_the_bar_catches_a_guardrail_that_only_asks_for_no_proven_loss() -> None:
    def holds(tables: NDArray[np.int64]) -> NDArray[np.bool_]:
        return score_statistic(tables[:, 0], tables[:, 1], 50, 0.0) >= -Z

    assert largest_size(holds, 50, 0.05) > 0.5


@pytest.mark.parametrize(("fixed", "broken", "total"), [(0, 0, 30), (3, 5, 50), (10, 2, 40), (0, 6, 20), (20, 0, 20)])
def test_the_interval_ends_where_the_statistic_does(fixed: int, broken: int, total: int) -> None:
    low, high = score_interval(fixed, broken, total, confidence=0.9)
    assert low < (fixed - broken) / total <= high
    assert low == -1 or score_statistic(fixed, broken, total, low) == pytest.approx(Z, abs=1e-4)
    assert high == 1 or score_statistic(fixed, broken, total, high) == pytest.approx(-Z, abs=1e-4)
    assert score_interval(broken, fixed, total, confidence=0.9) == (pytest.approx(-high), pytest.approx(-low))


@pytest.mark.parametrize("truth", [(0.02, 0.02), (0.2, 0.05), (0.05, 0.3), (0.95, 0.0), (0.0, 0.0)])
def test_the_interval_covers_as_it_claims(truth: tuple[float, float]) -> None:
    rng = np.random.default_rng(37)
    counts, times = np.unique(rng.multinomial(60, [*truth, 1 - sum(truth)], size=4_000), axis=0, return_counts=True)
    intervals = [score_interval(up, down, 60, confidence=0.9) for up, down, _ in counts.tolist()]
    covers = [low - 1e-6 <= truth[0] - truth[1] <= high + 1e-6 for low, high in intervals]
    assert times[covers].sum() / 4_000 >= 0.88


def test_the_three_states_are_told_apart() -> None:
    assert check_rates(2, 3, 400, margin=0.05).state == "holds"
    assert check_rates(0, 40, 100, margin=0.05).state == "broken"
    assert check_rates(0, 3, 30, margin=0.05).state == "cannot_tell"


def test_few_cases_without_a_loss_prove_nothing() -> None:
    assert check_rates(0, 0, 20, margin=0.05).state == "cannot_tell"
    assert check_rates(0, 0, 60, margin=0.05).state == "holds"
    assert check_means(np.zeros(12), margin=0.05).state == "cannot_tell"
    assert check_means(np.zeros(100), margin=0.05).state == "holds"


def test_the_end_of_the_interval_decides() -> None:
    check = check_rates(1, 9, 120, margin=0.13)
    assert (check.state == "holds") == (check.interval.low >= -0.13)
    assert judge(-0.1, Interval(-0.2, -0.05), margin=0.2).state == "holds"
    assert judge(-0.1, Interval(-0.2, -0.05), margin=0.19).state == "cannot_tell"
    assert judge(-0.1, Interval(-0.2, -0.05), margin=0.04).state == "broken"


def share_that_holds(
    draw: Callable[[np.random.Generator], NDArray[np.float64]], clusters: NDArray[np.int64] | None
) -> float:
    rng = np.random.default_rng(41)
    return float(np.mean([check_means(draw(rng), clusters, margin=0.1).state == "holds" for _ in range(1_000)]))


def draw_worse_clusters(rng: np.random.Generator) -> NDArray[np.float64]:
    """Worse by ten points, in whole clusters."""
    return np.repeat(rng.choice([1.0, -1.0, 0.0], p=[0.1, 0.2, 0.7], size=40), 5)


def test_scores_that_are_worse_by_just_the_margin_pass_in_one_of_twenty() -> None:
    assert share_that_holds(lambda rng: (rng.binomial(5, 0.6, 50) - rng.binomial(5, 0.7, 50)) / 5, None) <= 0.07


def test_clusters_that_are_worse_by_just_the_margin_pass_in_one_of_twenty() -> None:
    assert share_that_holds(draw_worse_clusters, np.arange(200) // 5) <= 0.07
    assert share_that_holds(draw_worse_clusters, None) > 0.12  # the bar catches clusters that are ignored


def test_scores_as_good_as_before_pass() -> None:
    assert share_that_holds(lambda rng: rng.normal(0, 0.2, 100).clip(-1, 1), None) > 0.95


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        check_rates(1, 1, 20, margin=0.0)
    with pytest.raises(ValueError, match="do not fit"):
        check_rates(12, 9, 20, margin=0.05)
    with pytest.raises(ValueError, match="do not fit"):
        check_rates(0, 0, 0, margin=0.05)
