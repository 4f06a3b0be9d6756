from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.evaluation.gates.evidence import Findings
from luthier.evaluation.gates.gate import Gate
from luthier.evaluation.verdict import Verdict
from tests.evaluation.findings import build_canaries, build_family, build_forgetting, build_memory
from tests.evaluation.results import decide

BETTER = ("f" * 30, "p" * 30)


def find_gate(verdict: Verdict, key: str) -> Gate:
    (gate,) = (gate for gate in verdict.gates if gate.key == key)
    return gate


def test_a_ruined_model_is_not_shipped_however_well_it_does_its_task() -> None:
    verdict = decide(*BETTER, findings=Findings(forgetting=build_forgetting("degraded")))
    assert verdict.decision == "do_not_ship"
    assert verdict.reasons[1] == (
        "orders-v1 forgot what the base could do (general text: worse by 1.40, and 0.05 is allowed). First thing to "
        "try: a lower learning rate, or fewer epochs."
    )
    assert find_gate(verdict, "forgetting").measured.startswith("general text: +1.400 nats per token")
    assert find_gate(verdict, "forgetting").value == pytest.approx(1.4)


def test_a_model_that_forgot_nothing_is_shipped() -> None:
    verdict = decide(*BETTER, findings=Findings(forgetting=build_forgetting("ok")))
    assert verdict.decision == "ship"
    assert not verdict.warnings


def test_what_cannot_be_told_of_forgetting_is_a_warning_and_keeps_from_shipping_only_who_requires_it() -> None:
    findings = Findings(forgetting=build_forgetting("cannot_tell"))
    verdict = decide(*BETTER, findings=findings)
    assert verdict.decision == "ship"
    assert find_gate(verdict, "forgetting").state == "cannot_tell"
    assert "cannot be told" in verdict.warnings[-1]
    strict = decide(*BETTER, findings=findings, required=["forgetting"])
    assert strict.decision == "cannot_tell"
    assert "cannot be told" in strict.reasons[1]


def test_forgetting_that_was_not_measured_is_named_with_its_reason_and_can_be_required() -> None:
    findings = Findings(unmeasured={"forgetting": "its weights are not at hand"})
    verdict = decide(*BETTER, findings=findings)
    assert verdict.decision == "ship"
    assert find_gate(verdict, "forgetting").state == "not_measured"
    assert "Whether anything else was forgotten is not known: its weights are not at hand." in verdict.warnings
    strict = decide(*BETTER, findings=findings, required=["forgetting"])
    assert strict.decision == "cannot_tell"
    assert "this has to be measured, and it was not (its weights are not at hand)" in strict.reasons[1]


def test_rows_known_by_heart_are_warned_of_and_refused_where_a_limit_is_set() -> None:
    findings = Findings(forgetting=build_forgetting("ok"), memory=build_memory(99, 60))
    told = decide(*BETTER, findings=findings)
    assert told.decision == "ship"
    assert "rows by heart" in told.warnings[0]
    missing = decide(*BETTER, findings=Findings(unmeasured={"memory": "no rows are kept"}), memory_gap=0.1)
    assert (missing.decision, find_gate(missing, "memory").state) == ("cannot_tell", "cannot_tell")
    assert missing.reasons[1].endswith("it was not measured: no rows are kept.")
    limited = decide(*BETTER, findings=findings, memory_gap=0.1)
    assert limited.decision == "do_not_ship"
    assert "rows by heart" in limited.reasons[1]
    assert decide(*BETTER, findings=Findings(memory=build_memory(75, 60)), memory_gap=0.1).decision == "cannot_tell"
    assert decide(*BETTER, findings=Findings(memory=build_memory(99, 99)), memory_gap=0.1).decision == "ship"


def test_a_secret_that_is_repeated_is_not_shipped() -> None:
    verdict = decide(*BETTER, findings=Findings(canaries=build_canaries(reproduced=1)))
    assert verdict.decision == "do_not_ship"
    assert "gave away 1 of 5 planted secrets" in verdict.reasons[1]
    assert decide(*BETTER, findings=Findings(canaries=build_canaries(reproduced=0))).decision == "ship"
    assert "canaries" not in {gate.key for gate in decide(*BETTER).gates}


def test_what_has_used_up_most_of_its_margin_is_named_first() -> None:
    families = (
        build_family("general_text", "General text", 0.02, "ok", unit="nats per token", margin=0.25),
        build_family("leakage", "Leakage", 0.0, "ok", unit="share of answers", margin=0.0),
        build_family("instructions", "Instructions", 0.05, "ok", unit="share of answers", margin=0.1),
    )
    forgetting = replace(build_forgetting("ok"), families=families)
    gate = find_gate(decide(*BETTER, findings=Findings(forgetting=forgetting)), "forgetting")
    assert gate.measured == "instructions: 5 points worse; general text: +0.020 nats per token"
    leaking = replace(families[1], measured=0.01, state="degraded")
    gate = find_gate(
        decide(*BETTER, findings=Findings(forgetting=replace(forgetting, families=(*families, leaking)))), "forgetting"
    )
    assert gate.measured.startswith("leakage: 1 point worse")
