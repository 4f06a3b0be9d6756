"""McNemar's exact test and that of flipped signs, against others' and against models that are equally good."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import permutation_test
from statsmodels.stats.contingency_tables import mcnemar

from luthier.stats.paired import mcnemar_exact, sign_flip_p_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


CLUSTERS = np.repeat(np.arange(15), [1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10, 12])


def false_alarms(rejects_at: float, *, total: int, changed_fraction: float) -> float:
    """The share of 20,000 evaluations of two equally good models in which the test claims a difference."""
    rng = np.random.default_rng(11)
    changed = rng.binomial(total, changed_fraction, size=20_000)
    tables, times = np.unique(np.stack([changed, rng.binomial(changed, 0.5)]), axis=1, return_counts=True)
    rejected = [mcnemar_exact(fixed, all_ - fixed) <= rejects_at for all_, fixed in tables.T.tolist()]
    return float(times[rejected].sum() / times.sum())


@pytest.mark.parametrize("changed", [1, 2, 7, 30, 250])
def test_the_p_value_is_that_of_statsmodels(changed: int) -> None:
    for fixed in range(changed + 1):
        expected = mcnemar([[3, fixed], [changed - fixed, 4]], exact=True).pvalue
        assert mcnemar_exact(fixed, changed - fixed) == pytest.approx(expected, rel=1e-9)


def test_six_fixed_and_none_broken_is_the_smallest_significant_result() -> None:
    assert mcnemar_exact(5, 0) == pytest.approx(0.0625)
    assert mcnemar_exact(6, 0) == pytest.approx(0.03125)


def test_fixed_and_broken_can_be_swapped() -> None:
    assert mcnemar_exact(9, 2) == mcnemar_exact(2, 9)


def test_no_change_and_a_tie_are_no_evidence() -> None:
    assert mcnemar_exact(0, 0) == 1.0
    assert mcnemar_exact(5, 5) == 1.0


@pytest.mark.parametrize("total", [20, 50, 200])
@pytest.mark.parametrize("changed_fraction", [0.05, 0.3, 0.9])
def test_equally_good_models_are_told_apart_no_more_often_than_alpha(total: int, changed_fraction: float) -> None:
    assert false_alarms(0.05, total=total, changed_fraction=changed_fraction) <= 0.05


def test_the_bar_for_false_alarms_catches_a_one_sided_p_value() -> None:
    # A test that forgets to double its p-value rejects at twice the alpha that it was given.
    assert false_alarms(0.10, total=200, changed_fraction=0.3) > 0.05


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        mcnemar_exact(-1, 3)


def all_flips(differences: NDArray[np.float64]) -> float:
    """scipy's own test, which goes through all sign flips when there are few."""
    found = permutation_test(
        (differences,), lambda values, axis: values.sum(axis=axis), permutation_type="samples", n_resamples=np.inf
    )
    return float(found.pvalue)


def draw_scores(total: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Of two equally good models: which of the two is better in a case is a coin toss."""
    sizes = np.where(rng.random(total) < 0.4, 0.0, rng.beta(0.5, 2, total))
    return rng.choice([-1.0, 1.0], size=total) * sizes


def draw_clusters(rng: np.random.Generator) -> NDArray[np.float64]:
    """All cases of a cluster change alike, if they do."""
    return (rng.choice([-1.0, 1.0], size=15) * (rng.random(15) < 0.7))[CLUSTERS]


def share_rejected(
    draw: Callable[[np.random.Generator], NDArray[np.float64]],
    p_value: Callable[[NDArray[np.float64]], float],
    *,
    draws: int = 600,
) -> float:
    rng = np.random.default_rng(23)
    return float(np.mean([p_value(draw(rng)) < 0.05 for _ in range(draws)]))


@pytest.mark.parametrize("seed", range(6))
def test_flipped_signs_give_the_p_value_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fifths = rng.integers(-4, 6, size=12)  # whole for scipy, which takes a sum of 1e-17 for one that is not zero
    assert sign_flip_p_value(fifths / 5) == pytest.approx(all_flips(fifths), rel=1e-9)
    # Others are rounded to a 2520th of the largest, which moves a few of the 4,096 flips past the observed sum.
    anything = rng.normal(0.2, 0.4, size=12)
    assert sign_flip_p_value(anything) == pytest.approx(all_flips(anything), abs=8 / 4096)


def test_flipped_signs_of_clusters_are_those_of_their_sums() -> None:
    differences = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], p=[0.2, 0.3, 0.5], size=len(CLUSTERS))
    sums = np.bincount(CLUSTERS, weights=differences)
    flipped = np.array(list(product([-1, 1], repeat=15))) @ sums
    expected = np.mean(np.abs(flipped) >= abs(sums.sum()))
    assert sign_flip_p_value(differences, CLUSTERS) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("fixed", "broken"), [(6, 0), (9, 2), (3, 3), (40, 21), (0, 0)])
def test_flipped_signs_of_passed_and_failed_are_mcnemars_test(fixed: int, broken: int) -> None:
    differences = np.repeat([1.0, -1.0, 0.0], [fixed, broken, 30])
    assert sign_flip_p_value(differences) == mcnemar_exact(fixed, broken)
    alone = np.arange(len(differences))
    assert sign_flip_p_value(differences, alone) == mcnemar_exact(fixed, broken)


def test_many_scores_are_tested_as_a_normal_distribution_would() -> None:
    rng = np.random.default_rng(2)
    differences = rng.normal(0.004, 0.3, size=20_000).clip(-1, 1)
    z = differences.sum() / np.sqrt((differences**2).sum())
    expected = 2 * 0.5 * np.exp(-0.717 * abs(z) - 0.416 * z * z)  # Lin (1989): the normal tail to about one percent
    assert sign_flip_p_value(differences) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("total", [8, 20, 32])
def test_equally_good_scores_are_told_apart_no_more_often_than_alpha(total: int) -> None:
    assert share_rejected(lambda rng: draw_scores(total, rng), sign_flip_p_value) <= 0.08


def test_equally_good_clusters_are_told_apart_no_more_often_than_alpha() -> None:
    assert share_rejected(draw_clusters, lambda values: sign_flip_p_value(values, CLUSTERS)) <= 0.08


def test_the_bar_catches_a_test_that_ignores_clusters() -> None:
    assert share_rejected(draw_clusters, sign_flip_p_value) > 0.3


def test_a_gain_is_found() -> None:
    assert share_rejected(lambda rng: draw_scores(40, rng) + 0.2, sign_flip_p_value, draws=200) > 0.8


def test_the_scale_and_the_order_of_scores_do_not_matter() -> None:
    differences = np.random.default_rng(3).normal(0.05, 0.2, size=40)
    p_value = sign_flip_p_value(differences)
    assert sign_flip_p_value(differences[::-1] * 1024) == pytest.approx(p_value, rel=1e-9)
    assert sign_flip_p_value(-differences) == pytest.approx(p_value, rel=1e-9)


def test_large_whole_differences_are_no_larger_problem() -> None:
    differences = np.random.default_rng(4).integers(-(10**12), 2 * 10**12, size=12).astype(np.float64)
    assert sign_flip_p_value(differences) == pytest.approx(all_flips(differences), abs=8 / 4096)


def test_all_for_the_better_is_as_unlikely_as_so_many_heads() -> None:
    assert sign_flip_p_value(np.array([0.1, 0.5, 0.9, 0.2, 0.3])) == pytest.approx(2 / 32)
    assert sign_flip_p_value(np.random.default_rng(5).uniform(0.1, 0.9, size=300)) < 1e-10
