"""Adjusted p-values, against statsmodels and against families of tests in which nothing is there to be found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from luthier.stats.families import adjust_benjamini_hochberg, adjust_holm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DRAWS = 3_000

P_VALUES = [[0.01, 0.04, 0.03, 0.005], [0.5], [0.2, 0.2, 0.2], [0.0, 1.0, 0.9, 0.001], [0.049] * 6]


@pytest.mark.parametrize("p_values", P_VALUES)
def test_they_are_those_of_statsmodels(p_values: list[float]) -> None:
    assert adjust_holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert adjust_benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1])


def share_with_an_alarm(adjust: Callable[[Sequence[float]], Sequence[float]], real: int) -> float:
    """Families of eight tests, of which `real` have something to find; the others' p-values are uniform."""
    rng = np.random.default_rng(29)
    families = rng.random((DRAWS, 8))
    families[:, :real] *= 1e-4
    return float(np.mean([min(adjust(family)[real:]) < 0.05 for family in families.tolist()]))


@pytest.mark.parametrize("real", [0, 3])
def test_holm_finds_what_is_not_there_in_one_family_of_twenty(real: int) -> None:
    assert share_with_an_alarm(adjust_holm, real) <= 0.062


def test_the_bar_catches_p_values_that_are_not_adjusted() -> None:
    assert share_with_an_alarm(lambda family: family, 0) > 0.3


def test_of_what_benjamini_and_hochberg_find_one_in_twenty_is_not_there() -> None:
    rng = np.random.default_rng(31)
    families = rng.random((DRAWS, 10))
    families[:, :4] *= 1e-3
    found = np.array([adjust_benjamini_hochberg(family) for family in families.tolist()]) < 0.05
    assert np.mean(found[:, 4:].sum(axis=1) / np.maximum(found.sum(axis=1), 1)) <= 0.05
    assert found[:, 4:].any(axis=1).mean() > 0.062  # it does allow more than Holm


def test_no_tests_are_a_family_of_none() -> None:
    assert adjust_holm([]) == adjust_benjamini_hochberg([]) == ()


@pytest.mark.parametrize("p_value", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(p_value: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjust_holm([0.5, p_value])
