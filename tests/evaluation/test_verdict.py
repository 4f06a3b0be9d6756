from __future__ import annotations

import pytest

from luthier.errors import InvalidConfig
from luthier.evaluation.verdict import Verdict, describe_sensitivity
from tests.evaluation.results import decide


def failed_gates(verdict: Verdict) -> list[str]:
    return [gate.name for gate in verdict.gates if not gate.passed]


def test_a_proven_gain_ships_with_every_gate_open() -> None:
    verdict = decide("f" * 30, "p" * 28 + "ff")
    assert verdict.decision == "ship"
    assert failed_gates(verdict) == []
    assert verdict.reasons[0] == "orders-v1 passed 28 of 30 cases, smollm2 passed none."
    assert "fixed 28 cases and broke none" in verdict.reasons[1]
    assert "p < 0.0001" in verdict.reasons[1]


def test_test_rows_seen_in_training_void_even_a_perfect_result() -> None:
    verdict = decide("f" * 30, "p" * 30, trained_on=(3, 8, 12))
    assert verdict.decision == "do_not_ship"
    assert failed_gates(verdict) == ["Test cases are new to both models"]
    assert "3 of the 30 test cases (lines 3, 8 and 12) were in the training data of orders-v1" in verdict.reasons[1]


def test_fewer_than_six_cases_decide_nothing() -> None:
    verdict = decide("f" * 5, "p" * 5)
    assert verdict.decision == "not_enough_data"
    assert "5 cases" in verdict.reasons[1]
    assert decide("f" * 6, "p" * 6).decision == "ship"


def test_answers_that_are_missing_leave_a_result_open() -> None:
    for before, after in (("u" * 3 + "f" * 27, "p" * 30), ("p" * 30, "u" * 10 + "p" * 20)):
        verdict = decide(before, after)
        assert verdict.decision == "not_enough_data"
        assert failed_gates(verdict)[0] == "Both models answer"
        assert "(the prompt is too long)" in verdict.reasons[1]
    assert "smollm2 gave no answer to 3 of 30 cases" in decide("u" * 3 + "f" * 27, "p" * 30).reasons[1]


def test_few_missing_answers_do_not_block_and_do_not_help() -> None:
    verdict = decide("u" + "f" * 29, "u" + "p" * 29)
    assert verdict.decision == "ship"
    assert decide("u" + "p" * 19 + "f" * 5, "p" * 25).decision == "not_enough_data"
    assert decide("f" + "p" * 19 + "f" * 5, "p" * 25).decision == "ship"


def test_more_answers_cut_off_than_before_block_a_better_model() -> None:
    verdict = decide("f" * 30, "p" * 26 + "tttt")
    assert verdict.decision == "do_not_ship"
    assert failed_gates(verdict) == ["Answers are complete"]
    assert "4 of 30 answers of orders-v1 (13.3%) were cut off" in verdict.reasons[1]


@pytest.mark.parametrize(
    ("before", "after"),
    [("f" * 30, "p" * 27 + "ttt"), ("t" * 30, "p" * 20 + "t" * 10)],
    ids=["ten percent is allowed", "no more than the baseline is allowed"],
)
def test_few_answers_cut_off_do_not_block(before: str, after: str) -> None:
    assert decide(before, after).decision == "ship"


def test_a_proven_loss_does_not_ship() -> None:
    verdict = decide("p" * 30, "p" * 20 + "f" * 10)
    assert verdict.decision == "do_not_ship"
    assert failed_gates(verdict) == [
        "Not proven worse",
        "A gain worth having is possible",
        "The gain is proven",
    ]
    assert "orders-v1 broke 10 cases and fixed none" in verdict.reasons[1]


def test_no_gain_worth_having_does_not_ship() -> None:
    verdict = decide("p" * 200, "p" * 200)
    assert verdict.decision == "do_not_ship"
    assert "no gain worth having" in verdict.reasons[1]
    assert "Not proven worse" not in failed_gates(verdict)


def test_the_wanted_gain_moves_that_gate() -> None:
    assert decide("p" * 200, "p" * 200, wanted_gain=0.01).decision == "not_enough_data"


def test_a_difference_that_may_be_luck_asks_for_more_cases() -> None:
    verdict = decide("p" * 15 + "f" * 15, "f" * 4 + "p" * 21 + "f" * 5)
    assert verdict.decision == "not_enough_data"
    assert failed_gates(verdict) == ["The gain is proven"]
    assert "about 96 cases would be needed to see a gain of +20 points" in verdict.reasons[1]


def test_when_no_number_of_cases_would_do_none_is_promised() -> None:
    verdict = decide("pppfff", "fffppp")
    assert verdict.decision == "not_enough_data"
    assert "many more cases" in verdict.reasons[1]


@pytest.mark.parametrize("total", [5, 6, 12, 24])
def test_every_outcome_gets_a_verdict_and_ship_means_every_gate_holds(total: int) -> None:
    for fixed in range(0, total + 1, 2):
        for broken in range(0, total + 1 - fixed, 2):
            rest = "p" * (total - fixed - broken)
            verdict = decide("f" * fixed + "p" * broken + rest, "p" * fixed + "f" * broken + rest)
            assert (verdict.decision == "ship") == (not failed_gates(verdict))
            assert all(reason.endswith(".") for reason in verdict.reasons)


@pytest.mark.parametrize("wanted_gain", [0, -0.1, 1, 5, float("nan")])
def test_an_impossible_wanted_gain_is_refused(wanted_gain: float) -> None:
    with pytest.raises(InvalidConfig):
        decide("ffffff", "pppppp", wanted_gain=wanted_gain)


def test_what_can_be_seen_is_said_before_the_run() -> None:
    assert describe_sensitivity(30) == "with 30 test cases you can see a gain of +26 points or more"
    assert describe_sensitivity(1) == "with 1 test case no gain can be seen: at least 6 are needed"
