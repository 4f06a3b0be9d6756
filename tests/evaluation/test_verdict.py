from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.errors import InvalidConfig
from luthier.evaluation.compare import compare_results
from luthier.evaluation.gates.evidence import Evidence, Findings
from luthier.evaluation.gates.gate import EXIT_CODES
from luthier.evaluation.gates.settings import GateSettings
from luthier.evaluation.verdict import DECISION_WORDS, Verdict, decide_verdict
from tests.evaluation.findings import build_forgetting
from tests.evaluation.results import build_result, decide


def open_gates(verdict: Verdict) -> list[str]:
    return [gate.key for gate in verdict.gates if gate.state in ("failed", "cannot_tell")]


def test_a_proven_gain_ships_with_every_gate_open() -> None:
    verdict = decide("f" * 30, "p" * 28 + "ff")
    assert verdict.decision == "ship"
    assert open_gates(verdict) == []
    assert verdict.reasons[0] == "orders-v1 passed 28 of 30 cases, smollm2 passed none."
    assert "fixed 28 cases and broke none" in verdict.reasons[1]
    assert "p < 0.0001" in verdict.reasons[1]


def test_test_rows_seen_in_training_void_even_a_perfect_result() -> None:
    verdict = decide("f" * 30, "p" * 30, trained_on=(3, 8, 12))
    assert verdict.decision == "do_not_ship"
    assert open_gates(verdict) == ["contamination"]
    assert "3 of the 30 test cases (lines 3, 8 and 12) were in the training data of orders-v1" in verdict.reasons[1]


def test_what_voids_the_test_leaves_nothing_else_to_be_said() -> None:
    verdict = decide("p" * 30, "f" * 30, trained_on=(3,))
    assert len(verdict.reasons) == 2
    assert "says nothing about new cases" in verdict.reasons[1]


def test_fewer_than_six_cases_decide_nothing_not_even_a_ruin() -> None:
    for before, after in (("f" * 5, "p" * 5), ("p" * 5, "f" * 5)):
        verdict = decide(before, after)
        assert verdict.decision == "cannot_tell"
        assert "With 5 cases no result" in verdict.reasons[1]


def test_twelve_rows_ship_nothing_however_well_they_went() -> None:
    perfect, better = decide("f" * 12, "p" * 12), decide("p" * 6 + "f" * 6, "p" * 9 + "f" * 3)
    assert perfect.decision == better.decision == "cannot_tell"
    assert open_gates(perfect) == ["cases"]
    assert "a fault in up to 22.1% of answers could go unseen; at least 20 are wanted" in perfect.reasons[1]
    assert "may be luck (p = 0.25" in better.reasons[2]
    assert decide("p" * 12, "f" * 12).decision == "do_not_ship"


def test_a_smaller_test_is_enough_for_whoever_says_so() -> None:
    assert decide("f" * 12, "p" * 12, fewest_cases=12).decision == "ship"


def test_answers_that_are_missing_leave_a_result_open() -> None:
    for before, after in (("u" * 3 + "f" * 27, "p" * 30), ("p" * 30, "u" * 10 + "p" * 20)):
        verdict = decide(before, after)
        assert verdict.decision == "cannot_tell"
        assert "answers" in open_gates(verdict)
        assert "(the prompt is too long)" in verdict.reasons[1]
    assert "smollm2 gave no answer to 3 of 30 cases" in decide("u" * 3 + "f" * 27, "p" * 30).reasons[1]


def test_few_missing_answers_do_not_block_and_do_not_help() -> None:
    verdict = decide("u" + "f" * 29, "u" + "p" * 29)
    assert verdict.decision == "ship"
    assert decide("u" + "p" * 19 + "f" * 5, "p" * 25).decision == "cannot_tell"
    assert decide("f" + "p" * 19 + "f" * 5, "p" * 25).decision == "ship"


def test_answers_that_nobody_could_grade_leave_a_result_open() -> None:
    verdict = decide("f" * 30, "p" * 27 + "ggg")
    assert verdict.decision == "cannot_tell"
    assert open_gates(verdict) == ["grading"]
    assert "3 of 30 answers of orders-v1 could not be graded" in verdict.reasons[1]
    assert decide("f" * 30, "p" * 29 + "g").decision == "ship"


def test_a_proven_loss_does_not_ship() -> None:
    verdict = decide("p" * 30, "p" * 20 + "f" * 10)
    assert verdict.decision == "do_not_ship"
    assert open_gates(verdict) == ["loss", "gain"]
    assert verdict.reasons[1].startswith("orders-v1 broke 10 cases and fixed none, more than luck explains")


def test_two_that_are_alike_stay_so_however_many_cases_there_are() -> None:
    for total in (200, 1000):
        verdict = decide("p" * total, "p" * total)
        assert verdict.decision == "cannot_tell"
        assert "are alike within" in verdict.reasons[1]
        assert "more cases will not change that" in verdict.reasons[1]


def test_the_wanted_gain_decides_what_is_alike() -> None:
    assert "more cases will not" not in decide("p" * 200, "p" * 200, wanted_gain=0.01).reasons[1]


def test_a_gain_that_is_ruled_out_while_a_loss_is_not_is_told_apart_from_two_alike() -> None:
    verdict = decide("p" * 100, "p" * 96 + "f" * 4)
    assert verdict.decision == "cannot_tell"
    assert "more cases would only tell whether it is a loss" in verdict.reasons[1]


def test_a_difference_that_may_be_luck_asks_for_more_cases() -> None:
    verdict = decide("p" * 15 + "f" * 15, "f" * 4 + "p" * 21 + "f" * 5)
    assert verdict.decision == "cannot_tell"
    assert open_gates(verdict) == ["gain"]
    assert "about 96 cases would be needed to see a gain of +20 points" in verdict.reasons[1]


def test_when_no_number_of_cases_would_do_none_is_promised() -> None:
    assert "many more cases" in decide("pppfff" * 4, "fffppp" * 4).reasons[1]


def test_every_cause_against_a_model_is_named_and_nothing_that_is_merely_open() -> None:
    findings = Findings(forgetting=build_forgetting("degraded"))
    verdict = decide("p" * 40, "p" * 20 + "t" * 20, findings=findings)
    assert verdict.decision == "do_not_ship"
    assert [gate.key for gate in verdict.gates if gate.state == "failed"] == ["loss", "truncation", "forgetting"]
    assert len(verdict.reasons) == 4


@pytest.mark.parametrize("total", [5, 6, 12, 24])
def test_every_outcome_gets_a_verdict_and_ship_means_every_gate_holds(total: int) -> None:
    for fixed in range(0, total + 1, 2):
        for broken in range(0, total + 1 - fixed, 2):
            rest = "p" * (total - fixed - broken)
            verdict = decide("f" * fixed + "p" * broken + rest, "p" * fixed + "f" * broken + rest)
            assert (verdict.decision == "ship") == (not open_gates(verdict))
            assert all(reason.endswith(".") for reason in verdict.reasons)


@pytest.mark.parametrize("wanted_gain", [0, -0.1, 1, 5, float("nan")])
def test_an_impossible_wanted_gain_is_refused(wanted_gain: float) -> None:
    with pytest.raises(InvalidConfig, match="wanted_gain"):
        decide("ffffff", "pppppp", wanted_gain=wanted_gain)


def test_each_decision_has_its_word_and_its_exit_code() -> None:
    assert DECISION_WORDS.keys() == EXIT_CODES.keys()
    assert sorted(EXIT_CODES.values()) == [0, 1, 4]


def test_the_numbers_behind_the_words_are_there_for_machines() -> None:
    gates = {gate.key: gate for gate in decide("f" * 30, "p" * 28 + "ff").gates}
    assert (gates["gain"].value, gates["gain"].limit) == (pytest.approx(28 / 30), 0)
    assert (gates["cases"].value, gates["cases"].limit) == (30, 20)


def test_a_score_may_be_what_counts() -> None:
    """Nothing passes before or after, and yet every answer is better than it was."""
    baseline, candidate = build_result("smollm2", "f" * 30), build_result("orders-v1", "f" * 30)
    better = tuple(replace(each, score=0.5 + 0.01 * each.line) for each in candidate.outcomes)
    candidate = replace(candidate, outcomes=better)
    evidence = Evidence(baseline, candidate, compare_results(baseline, candidate))
    assert decide_verdict(evidence).decision == "cannot_tell"
    verdict = decide_verdict(evidence, GateSettings(primary="score"))
    assert verdict.decision == "ship"
    assert "scores +65.5 points on average" in verdict.reasons[1]
    turned = Evidence(candidate, baseline, compare_results(candidate, baseline))
    lost = decide_verdict(turned, GateSettings(primary="score"))
    assert lost.decision == "do_not_ship"
    assert "smollm2 scores −65.5 points, more than luck explains" in lost.reasons[1]
