"""Evidence goes in, one decision that can be defended comes out: declared gates, each with its number and its state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from luthier.evaluation.gates.cases import (
    judge_contamination,
    judge_grading,
    judge_silence,
    judge_size,
    judge_the_judges,
)
from luthier.evaluation.gates.gate import Decision, Gate, Ruling
from luthier.evaluation.gates.quality import judge_gain, judge_guardrails, judge_loss
from luthier.evaluation.gates.safety import judge_canaries, judge_forgetting, judge_memory
from luthier.evaluation.gates.service import judge_cost, judge_format, judge_latency, judge_truncation
from luthier.evaluation.gates.settings import USUAL_GATES, GateSettings
from luthier.evaluation.gates.warnings import list_warnings
from luthier.evaluation.wording import phrase_cases, phrase_p_value, phrase_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.gates.evidence import Evidence

DECISION_WORDS: dict[Decision, str] = {
    "ship": "Ship",
    "do_not_ship": "Do not ship",
    "cannot_tell": "Cannot tell yet",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` are complete sentences: the counts, what decides, and further causes that would decide alike.

    `ship` means that every gate holds that was measured. `warnings` decide nothing and should be known all the same.
    """

    decision: Decision
    reasons: tuple[str, ...]
    gates: tuple[Gate, ...]
    warnings: tuple[str, ...] = ()


def decide_verdict(evidence: Evidence, settings: GateSettings = USUAL_GATES) -> Verdict:
    """What voids the test decides alone. Else one gate that failed is enough not to ship, and one that is open is
    enough not to know."""
    rulings = [require_measurement(ruling, settings) for ruling in list_rulings(evidence, settings)]
    headline = describe_counts(evidence)
    gates = tuple(ruling.gate for ruling in rulings)
    deciding = find_deciding(rulings)
    if not deciding:
        return Verdict("ship", (headline, describe_gain(evidence, settings)), gates, list_warnings(evidence, settings))
    reasons = (headline, *dict.fromkeys(ruling.reason for ruling in deciding))
    return Verdict(deciding[0].decision, reasons, gates, list_warnings(evidence, settings))


def list_rulings(evidence: Evidence, settings: GateSettings) -> list[Ruling]:
    """In the order in which they are read."""
    rulings = [
        judge_contamination(evidence, settings),
        judge_size(evidence, settings),
        judge_silence(evidence, settings),
        judge_grading(evidence, settings),
        *judge_the_judges(evidence, settings),
        judge_loss(evidence, settings),
        judge_gain(evidence, settings),
        *judge_guardrails(evidence, settings),
        judge_truncation(evidence, settings),
        judge_format(evidence, settings),
        judge_forgetting(evidence, settings),
        judge_memory(evidence, settings),
        judge_canaries(evidence, settings),
        judge_latency(evidence, settings),
        judge_cost(evidence, settings),
    ]
    return [ruling for ruling in rulings if ruling is not None]


def require_measurement(ruling: Ruling, settings: GateSettings) -> Ruling:
    gate = ruling.gate
    if gate.state != "not_measured" or gate.key not in settings.required:
        return ruling
    reason = f"{gate.name}: this has to be measured, and it was not ({gate.measured})."
    return Ruling(replace(gate, state="cannot_tell"), reason)


def find_deciding(rulings: Sequence[Ruling]) -> list[Ruling]:
    """Empty when nothing speaks against shipping."""
    blocking = [ruling for ruling in rulings if ruling.decision != "ship"]
    voiding = next((ruling for ruling in blocking if ruling.voids), None)
    if voiding is not None:
        return [voiding]
    failed = [ruling for ruling in blocking if ruling.decision == "do_not_ship"]
    return failed or blocking


def describe_counts(evidence: Evidence) -> str:
    candidate, baseline = evidence.candidate, evidence.baseline
    return (
        f"{candidate.model} passed {candidate.passed} of {phrase_cases(candidate.total)}, "
        f"{baseline.model} passed {baseline.passed or 'none'}."
    )


def describe_gain(evidence: Evidence, settings: GateSettings) -> str:
    comparison, effect = evidence.comparison, evidence.choose_primary(settings)
    changed = f"fixed {phrase_cases(comparison.fixed)} and broke {comparison.broken or 'none'}"
    if effect is comparison.score:
        changed = f"scores {phrase_points(effect.difference)} on average"
    return (
        f"{evidence.candidate.model} {changed}; luck alone would not do that "
        f"({phrase_p_value(effect.p_value)}). The true gain lies between {phrase_points(effect.interval.low)} and "
        f"{phrase_points(effect.interval.high)}, with 95% confidence."
    )
