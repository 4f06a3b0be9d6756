from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from luthier.advise.break_even import BreakEven, Economics, ListedPrice, reckon_break_even
from luthier.advise.ladder import Step
from luthier.evaluation.costs import Cost
from tests.advise.test_recommendation import build_step

TUNED = build_step("tuned", 45)
ECONOMICS = Economics(machine_dollars_per_hour=0.36, upfront_dollars=100.0, training_seconds=3600.0)


def reckon(steps: Sequence[Step], dollars: dict[str, float | None], economics: Economics) -> tuple[BreakEven, ...]:
    return reckon_break_even(steps, price(dollars), economics).break_evens


def price(dollars: dict[str, float | None]) -> dict[str, Cost]:
    return {name: Cost(name, each, "as it is") for name, each in dollars.items()}


def hosted(name: str = "clerk") -> Step:
    step = build_step("prompt", 40)
    return replace(step, rung=replace(step.rung, is_hosted=True, name=name))


def test_it_pays_for_itself_when_the_savings_reach_what_it_cost() -> None:
    economics = replace(ECONOMICS, requests_per_month=10_000)
    (found,) = reckon([hosted(), TUNED], {"clerk": 3.0, "shop-v1": 1.0}, economics)
    assert found.upfront_dollars == pytest.approx(100.36)
    assert found.requests == 50_180  # 100.36 dollars at 0.002 dollars a request
    assert found.months == pytest.approx(5.018)
    assert found.sentence.endswith("paid for itself after 50,180 requests, in 5 months.")


def test_it_never_does_when_the_hosted_model_is_cheaper() -> None:
    (found,) = reckon([hosted(), TUNED], {"clerk": 0.5, "shop-v1": 1.0}, ECONOMICS)
    assert (found.requests, found.months) == (None, None)
    assert "never pays for itself" in found.sentence


def test_a_model_that_misses_the_target_pays_for_nothing() -> None:
    missing = build_step("tuned", 10)
    (found,) = reckon([hosted(), missing], {"clerk": 3.0, "shop-v1": 1.0}, ECONOMICS)
    assert found.misses_target
    assert found.sentence.endswith("but it misses the target, so its price decides nothing.")


def test_a_machine_that_runs_all_month_has_to_be_busy() -> None:
    (found,) = reckon([hosted(), TUNED], {"clerk": 3.0, "shop-v1": 1.0}, ECONOMICS)
    assert found.whole_machine_requests == 87_600  # 730 hours of 0.36 dollars, at 0.003 dollars a request


def test_without_a_hosted_rung_the_cheapest_of_the_table_are_reckoned_by_tokens() -> None:
    dear, cheap = ListedPrice("dear", 1000.0, 1000.0, "2026-11-23"), ListedPrice("cheap", 10.0, 20.0, "2026-11-23")
    economics = replace(ECONOMICS, listed=(dear, cheap))
    found = reckon([TUNED], {"shop-v1": 0.01}, economics)
    assert [(each.hosted, each.is_listed) for each in found] == [("cheap", True), ("dear", True)]
    assert found[0].hosted_dollars == pytest.approx(1000 * (10.0 + 20.0) / 1e6)  # one token each way


def test_without_the_price_of_this_machine_nothing_is_claimed() -> None:
    assert reckon([hosted(), TUNED], {"clerk": 3.0, "shop-v1": None}, Economics()) == ()
    assert reckon([hosted()], {"clerk": 3.0}, ECONOMICS) == ()


def test_a_tuned_model_that_is_hosted_has_no_machine_to_pay_for() -> None:
    tuned = replace(TUNED, rung=replace(TUNED.rung, is_hosted=True))
    assert reckon([hosted(), tuned], {"clerk": 3.0, "shop-v1": 1.0}, ECONOMICS) == ()


def test_why_there_is_none_is_said() -> None:
    costs = price({"clerk": 3.0, "shop-v1": None})
    found = reckon_break_even([hosted(), TUNED], costs, Economics())
    assert found.break_evens == ()
    assert found.gap.startswith("machine_dollars_per_hour is not set")
    assert "luthier.toml" in found.gap
    assert reckon_break_even([hosted(), TUNED], costs, ECONOMICS).gap == "as it is"  # the price's own reason
    unpriced = reckon_break_even([hosted(), TUNED], price({"clerk": None, "shop-v1": 1.0}), ECONOMICS)
    assert unpriced.gap == "no price of a hosted model is known to hold it against"


def test_without_a_tuned_model_a_reason_is_given_to_those_who_asked() -> None:
    assert reckon_break_even([hosted()], {}, Economics()).gap == ""
    asked = Economics(requests_per_month=10)
    assert reckon_break_even([hosted()], {}, asked).gap == "no tuned model was measured"
    tuned = replace(TUNED, rung=replace(TUNED.rung, is_hosted=True))
    assert (
        reckon_break_even([hosted(), tuned], {}, asked).gap == "the tuned model is hosted, so it needs no machine here"
    )


def test_a_model_that_may_not_be_recommended_is_no_success_of_any_price() -> None:
    costs = price({"clerk": 3.0, "shop-v1": 1.0, "shop-v1 with passages": 1.0})
    found = reckon_break_even([hosted(), TUNED], costs, ECONOMICS, objections={"shop-v1"})
    assert found == ((), "shop-v1 is left out of the choice, so its price decides nothing")
    both = [hosted(), TUNED, build_step("tuned_retrieval", 45)]
    (other,) = reckon_break_even(both, costs, ECONOMICS, objections={"shop-v1"}).break_evens
    assert other.tuned == "shop-v1 with passages"


def test_a_hosted_model_may_be_free_or_miss_the_target() -> None:
    (free,) = reckon([hosted(), TUNED], {"clerk": 0.0, "shop-v1": 1.0}, ECONOMICS)
    assert (free.requests, free.whole_machine_requests) == (None, None)
    bad = replace(hosted(), state="not_met")
    (found,) = reckon([bad, TUNED], {"clerk": 3.0, "shop-v1": 1.0}, ECONOMICS)
    assert found.sentence.endswith("but clerk misses the target, so it takes the place of nothing.")


def test_what_cost_nothing_to_make_is_cheaper_at_once() -> None:
    (found,) = reckon([hosted(), TUNED], {"clerk": 3.0, "shop-v1": 1.0}, Economics(machine_dollars_per_hour=0.36))
    assert found.sentence.endswith("it is cheaper from the first request on.")
