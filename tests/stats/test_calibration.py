"""Calibration of models that are as sure as they should be, of some that are not, and of constructed cases."""

from __future__ import annotations

import numpy as np
import pytest

from luthier.stats.calibration import measure_calibration


def draw(rng: np.random.Generator, *, total: int = 200, sureness: float = 1.0) -> tuple[list[float], list[bool]]:
    """With `sureness` above 1 the model says it is more sure than it is right."""
    truth = rng.beta(4, 2, total)
    odds = (truth / (1 - truth)) ** sureness
    return (odds / (1 + odds)).tolist(), (rng.random(total) < truth).tolist()


def test_bins_hold_equally_many_cases_from_the_least_to_the_most_sure() -> None:
    confidences = [place / 100 for place in range(100)]
    found = measure_calibration(confidences, [place >= 50 for place in range(100)], most_bins=5)
    assert [each.total for each in found.bins] == [20] * 5
    assert [each.pass_rate for each in found.bins] == [0, 0, 0.5, 1, 1]
    assert (found.bins[1].low, found.bins[1].high) == (0.2, 0.39)
    assert found.bins[1].confidence == pytest.approx(0.295)
    assert found.bins[4].interval.high == 1.0
    expected = (0.095 + 0.295 + abs(0.5 - 0.495) + 0.305 + 0.105) / 5
    assert found.expected_error == pytest.approx(expected)


def test_no_bin_has_fewer_than_ten_cases_where_there_are_more() -> None:
    rng = np.random.default_rng(1)
    for total in (1, 9, 10, 25, 57, 400):
        bins = measure_calibration(*draw(rng, total=total)).bins
        assert sum(each.total for each in bins) == total
        assert min(each.total for each in bins) >= min(total, 10) - 1
        assert len(bins) == max(1, min(10, total // 10))


def test_equal_confidences_are_never_torn_apart() -> None:
    found = measure_calibration([0.9] * 60 + [0.99] * 40, [True] * 100)
    assert [(each.low, each.high, each.total) for each in found.bins] == [(0.9, 0.9, 60), (0.99, 0.99, 40)]


def test_a_model_as_sure_as_it_is_right_shows_the_error_of_chance() -> None:
    rng = np.random.default_rng(2)
    found = [measure_calibration(*draw(rng)) for _ in range(300)]
    assert np.mean([each.expected_error for each in found]) == pytest.approx(
        np.mean([each.error_by_chance for each in found]), rel=0.1
    )


def test_a_model_that_is_too_sure_shows_more() -> None:
    rng = np.random.default_rng(3)
    found = [measure_calibration(*draw(rng, sureness=3)) for _ in range(100)]
    assert np.mean([each.expected_error for each in found]) > 3 * np.mean([each.error_by_chance for each in found])


@pytest.mark.parametrize("total", [20, 100])
@pytest.mark.parametrize("sureness", [1.0, 3.0])
def test_the_interval_of_the_brier_score_covers_as_it_claims(total: int, sureness: float) -> None:
    rng = np.random.default_rng(4)
    truth = np.mean([measure_calibration(*draw(rng, total=20_000, sureness=sureness)).brier.value for _ in range(10)])
    intervals = [measure_calibration(*draw(rng, total=total, sureness=sureness)).brier.interval for _ in range(600)]
    assert np.mean([low <= truth <= high for low, high in intervals]) >= 0.925


def test_a_model_that_is_always_right_and_sure_still_leaves_doubt() -> None:
    found = measure_calibration([1.0] * 20, [True] * 20)
    assert (found.brier.value, found.brier.interval.low, found.expected_error) == (0.0, 0.0, 0.0)
    assert found.brier.interval.high > 0.05


def test_the_brier_score_of_a_coin_is_a_quarter() -> None:
    assert measure_calibration([0.5] * 8, [True, False] * 4).brier.value == 0.25


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        measure_calibration([], [])
    with pytest.raises(ValueError, match="no pairs"):
        measure_calibration([0.5], [True, False])
    with pytest.raises(ValueError, match="between 0 and 1"):
        measure_calibration([-0.2], [True])
