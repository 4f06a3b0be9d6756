from __future__ import annotations

from dataclasses import replace
from math import log

import pytest

from luthier.evaluation.calibration import summarise_calibration
from luthier.evaluation.result import ModelResult
from tests.evaluation.results import build_result


def build_sure(letters: str, *confidences: float | None) -> ModelResult:
    result = build_result("m", letters)
    outcomes = (
        replace(outcome, mean_log_prob=None if sure is None else log(sure))
        for outcome, sure in zip(result.outcomes, confidences, strict=True)
    )
    return replace(result, outcomes=tuple(outcomes))


def test_a_model_that_is_as_sure_as_it_is_right_errs_by_nothing() -> None:
    found = summarise_calibration(build_sure("pppf" * 10, *[0.75] * 40))
    assert found is not None
    assert found.total == 40
    assert found.expected_error == pytest.approx(0)
    assert found.brier.value == pytest.approx(0.75 * 0.25)


def test_a_model_that_is_sure_and_wrong_errs_by_all() -> None:
    found = summarise_calibration(build_sure("f" * 30, *[0.99] * 30))
    assert found is not None
    assert found.expected_error == pytest.approx(0.99)


def test_a_probability_that_a_server_rounds_to_more_than_one_is_one() -> None:
    found = summarise_calibration(build_sure("p" * 20, *[1.0000001] * 20))
    assert found is not None
    assert found.bins[0].confidence == 1


def test_an_answer_that_was_not_measured_says_nothing_about_sureness() -> None:
    found = summarise_calibration(build_sure("p" * 20 + "gut", *[0.9] * 20, 0.9, None, 0.9))
    assert found is not None
    assert found.total == 21


def test_without_log_probabilities_nothing_is_known() -> None:
    assert summarise_calibration(build_result("m", "pf")) is None
