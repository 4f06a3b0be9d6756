from __future__ import annotations

import pytest

from luthier.evaluation.gates.evidence import Findings
from tests.evaluation.findings import build_contamination, build_judge
from tests.evaluation.results import build_result, decide


def test_rows_that_are_nearly_training_rows_void_the_test_like_those_that_are() -> None:
    verdict = decide("f" * 30, "p" * 30, findings=Findings(contamination=build_contamination("near", lines=(4, 9))))
    assert verdict.decision == "do_not_ship"
    assert "2 of the 30 test cases (lines 4 and 9) were in the training data of orders-v1" in verdict.reasons[1]
    assert "2 of them with small changes" in verdict.reasons[1]


def test_a_case_that_is_found_twice_counts_once() -> None:
    findings = Findings(contamination=build_contamination("exact", lines=(4, 9)))
    verdict = decide("f" * 30, "p" * 30, trained_on=(4,), findings=findings)
    (gate,) = (gate for gate in verdict.gates if gate.key == "contamination")
    assert (gate.value, gate.measured) == (2, "2 of 30 seen in training")
    assert "small changes" not in verdict.reasons[1]


def test_words_in_common_void_nothing_and_are_told() -> None:
    verdict = decide("f" * 30, "p" * 30, findings=Findings(contamination=build_contamination("quoted", lines=(7,))))
    assert verdict.decision == "ship"
    assert "1 test case (line 7) quote training rows at length." in verdict.warnings


def test_what_the_check_could_not_see_is_told() -> None:
    findings = Findings(contamination=build_contamination("quoted", lines=(), note="sketches only."))
    assert "Sketches only." in decide("f" * 30, "p" * 30, findings=findings).warnings


def test_a_hosted_model_whose_rows_nobody_here_knows_has_not_been_searched() -> None:
    verdict = decide("f" * 30, "p" * 30, model="openai:gpt-4o-mini")
    (gate,) = (gate for gate in verdict.gates if gate.key == "contamination")
    assert (gate.state, gate.value) == ("not_measured", None)
    assert "known to whoever tuned it" in gate.measured
    strict = decide("f" * 30, "p" * 30, model="openai:gpt-4o-mini", required=["contamination"])
    assert (verdict.decision, strict.decision) == ("ship", "cannot_tell")


@pytest.mark.parametrize(("judge", "reasons"), [("json", 2), ("another.json", 3)])
def test_a_judge_that_nobody_checked_leaves_the_verdict_open(judge: str, reasons: int) -> None:
    """Where it decides what passes, nothing else can be said; as a guardrail it is one open question among others."""
    verdict = decide(
        "f" * 15 + "p" * 15, "p" * 18 + "f" * 12, findings=Findings(judges=(build_judge(judge, agreed=0),))
    )
    assert verdict.decision == "cannot_tell"
    assert len(verdict.reasons) == reasons
    assert "was not held against people" in verdict.reasons[1]


def test_a_judge_that_people_agree_with_decides() -> None:
    verdict = decide("f" * 30, "p" * 30, findings=Findings(judges=(build_judge("json", agreed=40),)))
    assert verdict.decision == "ship"
    (gate,) = (gate for gate in verdict.gates if gate.key == "judge")
    assert (gate.state, gate.value, gate.measured) == ("passed", 1.0, "agrees in 40 of 40 cases")


def test_each_judge_that_nobody_checked_is_told() -> None:
    judges = tuple(build_judge(name, agreed=agreed) for name, agreed in (("json", 40), ("a.json", 0), ("b.json", 0)))
    verdict = decide("f" * 30, "p" * 30, findings=Findings(judges=judges))
    assert verdict.decision == "cannot_tell"
    assert ["a.json" in verdict.reasons[1], "b.json" in verdict.reasons[2], len(verdict.reasons)] == [True, True, 3]
    states = {gate.key: gate.state for gate in verdict.gates if gate.key.startswith("judge")}
    assert states == {"judge": "passed", "judge:a.json": "cannot_tell", "judge:b.json": "cannot_tell"}


def test_answers_without_a_grade_count_for_nobody() -> None:
    assert build_result("a", "ppgg").passed == 2
    assert decide("p" * 20 + "f" * 10, "g" * 2 + "p" * 28, ungraded_fraction=0.1).decision == "ship"
    assert decide("f" * 30, "g" * 4 + "p" * 26, ungraded_fraction=0.1).decision == "cannot_tell"
