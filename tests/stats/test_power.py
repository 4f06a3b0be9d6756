"""The sample sizes that the report promises, against the published table and against a simulated test."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from luthier.stats.paired import mcnemar_exact
from luthier.stats.power import cases_needed, minimum_detectable_gain

# Net gain in whole points, for 0, 5 and 10% of the cases broken anyway, at 80% power and alpha 0.05.
POINTS = {
    20: (37, 46, 54),
    30: (26, 34, 40),
    50: (16, 23, 29),
    100: (8, 15, 18),
    200: (4, 9, 12),
    400: (2, 6, 8),
}


def simulated_chance(gain: float, total: int, broken_fraction: float, *, draws: int = 20_000) -> float:
    rng = np.random.default_rng(7)
    fractions = [gain + broken_fraction, broken_fraction, 1 - gain - 2 * broken_fraction]
    tables, times = np.unique(rng.multinomial(total, fractions, size=draws), axis=0, return_counts=True)
    shown = [fixed > broken and mcnemar_exact(fixed, broken) <= 0.05 for fixed, broken, _ in tables.tolist()]
    return float(times[shown].sum() / draws)


@pytest.mark.parametrize("total", POINTS)
def test_the_table_of_detectable_gains_is_reproduced_to_the_point(total: int) -> None:
    gains = [minimum_detectable_gain(total, broken_fraction=broken) for broken in (0.0, 0.05, 0.1)]
    assert tuple(math.ceil(100 * gain) for gain in gains if gain is not None) == POINTS[total]


@pytest.mark.parametrize("total", [20, 50, 200])
@pytest.mark.parametrize("broken_fraction", [0.0, 0.1])
def test_the_detectable_gain_is_shown_in_four_of_five_simulated_evaluations(total: int, broken_fraction: float) -> None:
    gain = minimum_detectable_gain(total, broken_fraction=broken_fraction)
    assert gain is not None
    assert simulated_chance(gain, total, broken_fraction) == pytest.approx(0.8, abs=0.012)


def test_a_smaller_gain_than_the_detectable_one_is_shown_less_often() -> None:
    gain = minimum_detectable_gain(50, broken_fraction=0.05)
    assert gain is not None
    assert simulated_chance(gain - 0.05, 50, 0.05) < 0.7


@pytest.mark.parametrize("total", [0, 1, 5])
def test_fewer_than_six_cases_show_nothing(total: int) -> None:
    assert minimum_detectable_gain(total) is None


def test_six_cases_show_a_gain_only_when_nearly_all_are_fixed() -> None:
    gain = minimum_detectable_gain(6)
    assert gain == pytest.approx(0.8 ** (1 / 6), abs=1e-4)


def test_no_gain_outweighs_half_of_the_cases_broken() -> None:
    assert minimum_detectable_gain(400, broken_fraction=0.5) is None
    assert minimum_detectable_gain(400, broken_fraction=0.7) is None


@pytest.mark.parametrize(("gain", "broken_fraction"), [(0.1, 0.0), (0.15, 0.05), (0.3, 0.1), (0.02, 0.1)])
def test_the_cases_needed_are_enough_and_one_fewer_is_not(gain: float, broken_fraction: float) -> None:
    total = cases_needed(gain, broken_fraction=broken_fraction)
    enough = minimum_detectable_gain(total, broken_fraction=broken_fraction)
    too_few = minimum_detectable_gain(total - 1, broken_fraction=broken_fraction)
    assert enough is not None
    assert too_few is not None
    assert enough <= gain + 1e-5
    assert too_few > gain


def test_more_power_or_a_stricter_alpha_needs_more_cases() -> None:
    assert cases_needed(0.2) < cases_needed(0.2, power=0.95) < cases_needed(0.2, power=0.95, alpha=0.001)


def test_a_gain_of_every_case_needs_six() -> None:
    assert cases_needed(1.0) == 6


@pytest.mark.parametrize(("gain", "broken_fraction"), [(0.0, 0.0), (-0.1, 0.0), (0.95, 0.05), (1.1, 0.0)])
def test_a_gain_that_cannot_be_is_refused(gain: float, broken_fraction: float) -> None:
    with pytest.raises(ValueError, match="the gain must lie in"):
        cases_needed(gain, broken_fraction=broken_fraction)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        minimum_detectable_gain(-1)
    with pytest.raises(ValueError, match="broken_fraction"):
        minimum_detectable_gain(20, broken_fraction=1.0)
    with pytest.raises(ValueError, match="power and alpha"):
        minimum_detectable_gain(20, power=1.0)
    with pytest.raises(ValueError, match="power and alpha"):
        cases_needed(0.1, alpha=0.0)


def test_the_detectable_gain_of_a_usual_test_set_is_found_in_a_blink() -> None:
    def seconds() -> float:
        start = time.thread_time()
        minimum_detectable_gain(400, broken_fraction=0.1)
        return time.thread_time() - start

    assert min(seconds() for _ in range(5)) < 0.05
