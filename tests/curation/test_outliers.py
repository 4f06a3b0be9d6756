"""Robust z-scores are those of the textbook, and hold where a third of the values are wild."""

from __future__ import annotations

import numpy as np
import pytest

from luthier.curation.outliers import percentile_of, robust_z


def test_for_normal_values_they_are_standard_deviations() -> None:
    values = np.random.default_rng(0).normal(5, 2, 20_000)
    assert robust_z(values).std() == pytest.approx(1, abs=0.03)


def test_wild_values_do_not_hide_one_another() -> None:
    z = robust_z(np.array([*range(20), 1000.0, 1000.0, 1000.0, 1000.0, 1000.0, 1000.0]))
    assert (z[20:] > 3.5).all()


def test_where_most_values_are_equal_the_mean_deviation_serves() -> None:
    assert robust_z(np.array([1.0] * 9 + [2.0]))[9] == pytest.approx(1 / (1.2533 * 0.1))


def test_equal_values_are_all_at_zero_and_nan_stays_apart() -> None:
    assert robust_z(np.array([3.0, 3.0])).tolist() == [0, 0]
    assert np.isnan(robust_z(np.array([np.nan, np.nan]))).all()
    assert robust_z(np.array([1.0, 2.0, 3.0, np.nan]))[:3].tolist() == pytest.approx([-1 / 1.4826, 0, 1 / 1.4826])


def test_a_percentile_counts_the_values_below() -> None:
    values = np.array([0.0, 1.0, 2.0, 3.0, np.nan])
    assert [percentile_of(values, row) for row in range(4)] == [0, 33, 67, 100]
