from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.advise.break_even import Economics, ListedPrice, find_break_evens
from luthier.advise.ladder import Step
from tests.advise.test_recommendation import build_step

TUNED = build_step("tuned", 45)
ECONOMICS = Economics(machine_dollars_per_hour=0.36, upfront_dollars=100.0, training_seconds=3600.0)


def hosted(name: str = "clerk") -> Step:
    step = build_step("prompt", 40)
    return replace(step, rung=replace(step.rung, is_hosted=True, name=name))


def test_it_pays_for_itself_when_the_savings_reach_what_it_cost() -> None:
    economics = replace(ECONOMICS, requests_per_month=10_000)
    (found,) = find_break_evens([hosted(), TUNED], {"clerk": 3.0, "shop-v1": 1.0}, economics)
    assert found.upfront_dollars == pytest.approx(100.36)
    assert found.requests == 50_180  # 100.36 dollars at 0.002 dollars a request
    assert found.months == pytest.approx(5.018)
    assert found.sentence.endswith("paid for itself after 50,180 requests, in 5 months.")


def test_it_never_does_when_the_hosted_model_is_cheaper() -> None:
    (found,) = find_break_evens([hosted(), TUNED], {"clerk": 0.5, "shop-v1": 1.0}, ECONOMICS)
    assert (found.requests, found.months) == (None, None)
    assert "never pays for itself" in found.sentence


def test_a_model_that_misses_the_target_pays_for_nothing() -> None:
    missing = build_step("tuned", 10)
    (found,) = find_break_evens([hosted(), missing], {"clerk": 3.0, "shop-v1": 1.0}, ECONOMICS)
    assert found.misses_target
    assert found.sentence.endswith("but it misses the target, so its price decides nothing.")


def test_a_machine_that_runs_all_month_has_to_be_busy() -> None:
    (found,) = find_break_evens([hosted(), TUNED], {"clerk": 3.0, "shop-v1": 1.0}, ECONOMICS)
    assert found.whole_machine_requests == 87_600  # 730 hours of 0.36 dollars, at 0.003 dollars a request


def test_without_a_hosted_rung_the_cheapest_of_the_table_are_reckoned_by_tokens() -> None:
    dear, cheap = ListedPrice("dear", 1000.0, 1000.0, "2026-11-23"), ListedPrice("cheap", 10.0, 20.0, "2026-11-23")
    economics = replace(ECONOMICS, listed=(dear, cheap))
    found = find_break_evens([TUNED], {"shop-v1": 0.01}, economics)
    assert [(each.hosted, each.is_listed) for each in found] == [("cheap", True), ("dear", True)]
    assert found[0].hosted_dollars == pytest.approx(1000 * (10.0 + 20.0) / 1e6)  # one token each way


def test_without_the_price_of_this_machine_nothing_is_claimed() -> None:
    assert find_break_evens([hosted(), TUNED], {"clerk": 3.0, "shop-v1": None}, Economics()) == ()
    assert find_break_evens([hosted()], {"clerk": 3.0}, ECONOMICS) == ()


def test_a_tuned_model_that_is_hosted_has_no_machine_to_pay_for() -> None:
    tuned = replace(TUNED, rung=replace(TUNED.rung, is_hosted=True))
    assert find_break_evens([hosted(), tuned], {"clerk": 3.0, "shop-v1": 1.0}, ECONOMICS) == ()
