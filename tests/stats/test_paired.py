"""McNemar's exact test, against statsmodels and against models that are equally good."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from luthier.stats.paired import mcnemar_exact


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
