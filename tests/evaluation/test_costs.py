from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.evaluation.costs import estimate_cost
from luthier.evaluation.result import ModelResult
from tests.evaluation.findings import build_latency
from tests.evaluation.results import build_result


def price(result: ModelResult, *dollars: float | None) -> ModelResult:
    priced = (replace(outcome, cost_dollars=each) for outcome, each in zip(result.outcomes, dollars, strict=True))
    return replace(result, outcomes=tuple(priced))


def test_a_hosted_model_costs_what_its_answers_to_the_test_did() -> None:
    cost = estimate_cost(price(build_result("openai:m", "pfu"), 0.002, 0.004, 0), None, 3.0)
    assert cost.dollars_per_thousand == pytest.approx(3.0)
    assert cost.source == "the price of its answers to this test"


def test_a_hosted_model_may_cost_nothing_and_never_the_time_of_this_machine() -> None:
    free = price(build_result("openai:m", "pf"), 0.0, 0.0)
    assert estimate_cost(free, build_latency("openai:m", 1.8), 0.5).dollars_per_thousand == 0.0
    silent = estimate_cost(price(build_result("openai:m", "uu"), 0.0, 0.0), None, 0.5)
    assert (silent.dollars_per_thousand, silent.source) == (None, "it answered nothing")


def test_a_model_of_this_machine_costs_its_time() -> None:
    cost = estimate_cost(build_result("m", "pf"), build_latency("m", 1.8), 0.5)
    assert cost.dollars_per_thousand == pytest.approx(1000 * 1.8 / 3600 * 0.5)
    assert cost.source == "1.8 s an answer on a machine of $0.50 an hour"


@pytest.mark.parametrize(
    ("model", "has_latency", "rate", "why"),
    [
        ("openai:m", True, 0.5, "no price of it is known"),
        ("m", True, 0.0, "machine_dollars_per_hour is not set"),
        ("m", False, 0.5, "the time of an answer was not measured"),
    ],
)
def test_what_is_not_known_is_said(model: str, has_latency: bool, rate: float, why: str) -> None:
    latency = build_latency(model, 1.8) if has_latency else None
    dollars = None if model.startswith("openai:") else 0.0
    cost = estimate_cost(price(build_result(model, "p"), dollars), latency, rate)
    assert (cost.dollars_per_thousand, cost.source) == (None, why)
