from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.evaluation.compare import compare_results
from luthier.evaluation.effects import Guardrail
from luthier.evaluation.gates.evidence import Evidence, Findings
from luthier.evaluation.verdict import Verdict, decide_verdict
from luthier.stats.intervals import Interval
from tests.evaluation.findings import build_judge
from tests.evaluation.results import build_result


def decide_with(*guardrails: Guardrail, after: str = "p" * 30) -> Verdict:
    baseline, candidate = build_result("smollm2", "f" * 30), build_result("orders-v1", after)
    comparison = replace(compare_results(baseline, candidate), guardrails=guardrails)
    return decide_verdict(Evidence(baseline, candidate, comparison))


def build_guardrail(state: str, low: float, high: float) -> Guardrail:
    return Guardrail(
        "valid-json", 0.95, 0.95 + (low + high) / 2, (low + high) / 2, Interval(low, high), 0.05, state, 30, None
    )


def test_a_guardrail_that_holds_lets_a_better_model_pass() -> None:
    verdict = decide_with(build_guardrail("holds", -0.02, 0.04))
    assert verdict.decision == "ship"
    (gate,) = (gate for gate in verdict.gates if gate.key == "guardrail:valid-json")
    assert (gate.measured, gate.wanted) == ("+1 point, at worst −2 points", "−5 points at worst")
    assert (gate.value, gate.limit) == (-0.02, -0.05)


def test_a_broken_guardrail_stops_a_better_model() -> None:
    verdict = decide_with(build_guardrail("broken", -0.25, -0.15))
    assert verdict.decision == "do_not_ship"
    assert verdict.reasons[1] == (
        "orders-v1 is worse by valid-json: it went from 95% to 75%, a loss of 15 points or more where 5 points are "
        "allowed."
    )


def test_a_guardrail_that_the_test_is_too_small_for_leaves_the_verdict_open() -> None:
    verdict = decide_with(build_guardrail("cannot_tell", -0.15, 0.05))
    assert verdict.decision == "cannot_tell"
    assert "the truth may be −15 points where −5 points is allowed" in verdict.reasons[1]


@pytest.mark.parametrize("state", ["holds", "broken"])
def test_a_guardrail_whose_grader_could_not_judge_leaves_the_verdict_open(state: str) -> None:
    few, many = (replace(build_guardrail(state, -0.01, 0.01), ungraded=count) for count in (1, 2))
    assert decide_with(few).decision == ("ship" if state == "holds" else "do_not_ship")
    verdict = decide_with(many)
    assert verdict.decision == "cannot_tell"
    assert "it could not grade the answers to 2 of 30 cases, and at most 5% may stay" in verdict.reasons[1]


@pytest.mark.parametrize("state", ["holds", "broken"])
def test_a_guardrail_by_a_judge_that_people_do_not_agree_with_decides_nothing(state: str) -> None:
    baseline, candidate = build_result("smollm2", "f" * 30), build_result("orders-v1", "p" * 30)
    comparison = replace(compare_results(baseline, candidate), guardrails=(build_guardrail(state, -0.01, 0.01),))
    findings = Findings(judges=(build_judge("valid-json", agreed=10),))
    verdict = decide_verdict(Evidence(baseline, candidate, comparison, findings))
    assert verdict.decision == "cannot_tell"
    assert {gate.key: gate.state for gate in verdict.gates}["guardrail:valid-json"] == "cannot_tell"


def test_what_is_broken_is_told_before_what_is_open() -> None:
    verdict = decide_with(build_guardrail("cannot_tell", -0.15, 0.05), build_guardrail("broken", -0.25, -0.15))
    assert verdict.decision == "do_not_ship"
    assert len(verdict.reasons) == 2


@pytest.mark.parametrize("after", ["f" * 30, "p" * 4 + "f" * 26])
def test_a_guardrail_that_holds_is_no_gain(after: str) -> None:
    assert decide_with(build_guardrail("holds", -0.02, 0.04), after=after).decision == "cannot_tell"
