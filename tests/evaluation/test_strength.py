"""Which strength is taken: the strongest of those that lose least, keep the task, and do it better than the base."""

from __future__ import annotations

import json

import pytest
from pydantic_core import to_jsonable_python

from tests.evaluation.sweeps import build_sweep


def test_the_strongest_of_those_that_lose_least_is_taken() -> None:
    found = build_sweep({1.0: (36, "d?"), 0.9: (36, "do"), 0.8: (36, "oo"), 0.7: (36, "oo")})
    assert found.recommended == 0.8
    assert [trial.strength for trial in found.eligible] == [1.0, 0.9, 0.8, 0.7]
    assert found.reasons == (
        "strength 0.8: none of 2 families degraded, 1 of 2 families degraded and 1 unsure at full strength",
        "it passes 36 of 40 validation rows, 36 at full strength, and lower by 6.3 points at worst",
    )


def test_strengths_come_in_order_however_they_were_named() -> None:
    found = build_sweep({0.7: (36, "oo"), 1.0: (36, "dd"), 0.8: (36, "oo")})
    assert [trial.strength for trial in found.trials] == [1.0, 0.8, 0.7]
    assert found.recommended == 0.8


def test_below_one_that_may_have_lost_the_task_none_counts() -> None:
    """By the rule that keeps the chance of a wrong word at 5 percent, even if a weaker one passes as many."""
    found = build_sweep({1.0: (36, "d"), 0.9: (34, "d"), 0.8: (36, "o")})
    assert [trial.keeps_task for trial in found.trials] == [True, False, True]
    assert found.recommended is None
    assert found.choice is found.trials[0]
    assert found.reasons == (
        "leave orders as it is: no strength that loses less is proven to keep all but 10 points of the task",
        "strength 0.8 may be one: none of 1 families degraded, 1 of 1 families degraded at full strength",
        "it passes 36 of 40 validation rows, 36 at full strength; more validation rows would tell, or a wider --margin",
    )


def test_a_task_that_is_surely_lost_is_said_to_be() -> None:
    found = build_sweep({1.0: (36, "d"), 0.9: (36, "o"), 0.5: (10, "o")})
    assert found.recommended == 0.9
    assert found.reasons[-1] == "from 0.5 on more than 10 points of the task are lost"


def test_a_wider_margin_lets_more_pass() -> None:
    trials = {1.0: (36, "d"), 0.9: (34, "o")}
    assert (build_sweep(trials).recommended, build_sweep(trials, margin=0.2).recommended) == (None, 0.9)


def test_where_nothing_was_forgotten_nothing_is_turned_down() -> None:
    found = build_sweep({1.0: (36, "oo"), 0.8: (36, "oo")})
    assert found.recommended is None
    assert found.reasons == ("orders has forgotten nothing that is measured: leave it as it is",)


def test_where_no_strength_loses_less_the_model_stays_as_it_is() -> None:
    found = build_sweep({1.0: (36, "do"), 0.9: (36, "d?")})
    assert (found.recommended, found.promising) == (None, None)
    assert found.reasons == ("leave orders as it is: no lower strength that may keep its task loses less beside it",)


def test_a_model_that_cannot_do_its_task_is_not_mended_by_less_of_it() -> None:
    """Whatever passes as little as full strength keeps that little, which says nothing."""
    found = build_sweep({1.0: (0, "dd"), 0.5: (0, "oo")})
    assert found.choice is None
    assert found.recommended is None
    assert "nothing is worth keeping: orders passes 0 of 40 validation rows and its base 0" in found.reasons[0]


def test_a_weaker_adapter_may_do_the_task_that_the_full_one_ruined() -> None:
    found = build_sweep({1.0: (0, "d"), 0.9: (0, "d"), 0.3: (30, "o")})
    assert found.recommended == 0.3


@pytest.mark.parametrize("count", [5, 20])
def test_gains_over_the_base_hold_for_all_strengths_together(count: int) -> None:
    """Six that are better and none worse is significant once, and not among twenty."""
    strengths = [1.0 - place / 100 for place in range(count)]
    found = build_sweep(dict.fromkeys(strengths, (6, "d")))
    assert {trial.gain.word for trial in found.trials} == {"cannot_tell"}
    assert build_sweep({1.0: (6, "d")}).trials[0].gain.word == "better"


def test_the_document_says_all_of_it() -> None:
    document = json.loads(json.dumps(to_jsonable_python(build_sweep({1.0: (36, "d"), 0.8: (36, "o")}).to_json())))
    assert (document["recommended"], document["margin"], document["base"]["passed"]) == (0.8, 0.1, 0)
    full, weaker = document["trials"]
    assert (full["strength"], full["kept"], weaker["kept"]["state"]) == (1.0, None, "holds")
    assert [trial["forgetting"]["state"] for trial in document["trials"]] == ["degraded", "ok"]
