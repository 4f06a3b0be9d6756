"""The cases that scores and guardrails need, against statsmodels and against simulated tests."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from luthier.stats.non_inferiority import check_rates
from luthier.stats.paired import sign_flip_p_value
from luthier.stats.sample_sizes import cases_for_mean_gain, cases_for_non_inferiority, detectable_mean_gain


@pytest.mark.parametrize("total", [5, 30, 400])
def test_the_detectable_gain_of_scores_is_that_of_statsmodels(total: int) -> None:
    expected = 0.3 * TTestPower().solve_power(nobs=total, alpha=0.05, power=0.8)
    assert detectable_mean_gain(total, deviation=0.3) == pytest.approx(expected, rel=1e-3)


def test_the_detectable_gain_of_scores_is_shown_in_four_of_five_simulated_evaluations() -> None:
    gain = detectable_mean_gain(25, deviation=0.2)
    assert gain is not None
    rng = np.random.default_rng(61)
    shown = [sign_flip_p_value(rng.normal(gain, 0.2, size=25).clip(-1, 1)) < 0.05 for _ in range(400)]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize("gain", [0.03, 0.1, 0.5, 5.0])
def test_the_cases_for_a_gain_are_enough_and_one_fewer_is_not(gain: float) -> None:
    total = cases_for_mean_gain(gain, deviation=0.3)
    enough, too_few = detectable_mean_gain(total, deviation=0.3), detectable_mean_gain(total - 1, deviation=0.3)
    assert enough is not None
    assert enough <= gain + 1e-4
    assert too_few is None or too_few > gain - 1e-4


@pytest.mark.parametrize(("margin", "changed_fraction"), [(0.05, 0.0), (0.05, 0.1), (0.1, 0.2), (0.02, 0.02)])
def test_a_guardrail_of_so_many_cases_holds_in_four_of_five_simulated_evaluations(
    margin: float, changed_fraction: float
) -> None:
    total = cases_for_non_inferiority(margin, changed_fraction=changed_fraction)
    rng = np.random.default_rng(67)
    shares = [changed_fraction / 2, changed_fraction / 2, 1 - changed_fraction]
    tables, times = np.unique(rng.multinomial(total, shares, size=4_000), axis=0, return_counts=True)
    holds = [check_rates(up, down, total, margin=margin).state == "holds" for up, down, _ in tables.tolist()]
    share = times[holds].sum() / 4_000
    assert share >= 0.78
    assert changed_fraction == 0 or share <= 0.87  # saw teeth, as for every exact test


def test_a_guardrail_with_no_change_at_all_needs_as_many_as_its_bound_says() -> None:
    total = cases_for_non_inferiority(0.05, changed_fraction=0.0)
    assert check_rates(0, 0, total, margin=0.05).state == "holds"
    assert check_rates(0, 0, total - 1, margin=0.05).state == "cannot_tell"


def test_a_narrower_margin_more_change_and_more_power_need_more_cases() -> None:
    usual = cases_for_non_inferiority(0.05, changed_fraction=0.1)
    assert usual < cases_for_non_inferiority(0.03, changed_fraction=0.1)
    assert usual < cases_for_non_inferiority(0.05, changed_fraction=0.2)
    assert usual < cases_for_non_inferiority(0.05, changed_fraction=0.1, power=0.95)


def test_what_cannot_be_is_refused() -> None:
    assert detectable_mean_gain(1, deviation=0.2) is None
    with pytest.raises(ValueError, match="deviation"):
        detectable_mean_gain(20, deviation=0.0)
    with pytest.raises(ValueError, match="gain must be positive"):
        cases_for_mean_gain(0.0, deviation=0.2)
    with pytest.raises(ValueError, match="margin"):
        cases_for_non_inferiority(1.0, changed_fraction=0.1)
    with pytest.raises(ValueError, match="power and alpha"):
        cases_for_mean_gain(0.1, deviation=0.2, power=1.0)
    with pytest.raises(ValueError, match="more than"):
        cases_for_mean_gain(1e-6, deviation=0.5)
