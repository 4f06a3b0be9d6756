"""Whether the candidate is better, proven and not by luck, and no worse where somebody said that it must not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.evaluation.gates.gate import Gate, GateState, Ruling, choose_state
from luthier.evaluation.gates.needs import phrase_cases_needed
from luthier.evaluation.wording import phrase_cases, phrase_fraction, phrase_p_value, phrase_points

if TYPE_CHECKING:
    from luthier.evaluation.effects import Effect, Guardrail
    from luthier.evaluation.gates.evidence import Evidence
    from luthier.evaluation.gates.settings import GateSettings

SIGNIFICANCE = 0.05


def judge_gain(evidence: Evidence, settings: GateSettings) -> Ruling:
    effect = evidence.choose_primary(settings)
    is_better = effect.p_value < SIGNIFICANCE and effect.difference > 0
    gate = Gate(
        "gain",
        "The gain is proven",
        phrase_effect(effect),
        "above 0 with p < 0.05",
        choose_state(is_good=is_better, otherwise="cannot_tell"),
        value=effect.difference,
        limit=0,
    )
    return Ruling(gate, explain_doubt(evidence, effect, settings))


def explain_doubt(evidence: Evidence, effect: Effect, settings: GateSettings) -> str:
    """Two that are alike stay so however many cases there are; of all others more cases can tell."""
    low, high = effect.interval
    wanted = f"a gain of {phrase_points(settings.wanted_gain)}, which was wanted, is ruled out"
    if -settings.wanted_gain < low and high < settings.wanted_gain:
        models = f"{evidence.candidate.model} and {evidence.baseline.model}"
        within = phrase_points(max(abs(low), abs(high))).lstrip("+")
        return f"{models} are alike within {within}: {wanted}, and more cases will not change that."
    if high < settings.wanted_gain:
        return (
            f"The truth lies between {phrase_points(low)} and {phrase_points(high)}: {wanted}, and more cases would "
            "only tell whether it is a loss."
        )
    return (
        f"The difference of {phrase_points(effect.difference)} may be luck ({phrase_p_value(effect.p_value)}; "
        f"the truth lies between {phrase_points(low)} and {phrase_points(high)}): "
        f"{phrase_cases_needed(evidence, settings)}."
    )


def judge_loss(evidence: Evidence, settings: GateSettings) -> Ruling:
    effect = evidence.choose_primary(settings)
    is_worse = effect.p_value < SIGNIFICANCE and effect.difference < 0
    gate = Gate(
        "loss",
        "Not proven worse",
        phrase_effect(effect),
        "no loss with p < 0.05",
        choose_state(is_good=not is_worse),
        value=effect.difference,
        limit=0,
    )
    comparison, p_value = evidence.comparison, phrase_p_value(effect.p_value)
    if effect is comparison.score:
        changed = f"scores {phrase_points(effect.difference)}"
    else:
        changed = f"broke {phrase_cases(comparison.broken)} and fixed {comparison.fixed or 'none'}"
    return Ruling(
        gate,
        f"{evidence.candidate.model} {changed}, more than luck explains ({p_value}): it is worse than "
        f"{evidence.baseline.model}.",
    )


def judge_guardrails(evidence: Evidence, settings: GateSettings) -> list[Ruling]:
    return [judge_guardrail(guardrail, evidence, settings) for guardrail in evidence.comparison.guardrails]


def judge_guardrail(guardrail: Guardrail, evidence: Evidence, settings: GateSettings) -> Ruling:
    """Non-inferiority: that it does not get worse has to be shown, for a test too small to see it proves nothing, and a
    grader that could not judge has seen nothing."""
    states: dict[str, GateState] = {"holds": "passed", "broken": "failed", "cannot_tell": "cannot_tell"}
    low, high = guardrail.interval
    doubt = doubt_grading(guardrail, evidence, settings)
    margin = phrase_points(-guardrail.margin)
    gate = Gate(
        f"guardrail:{guardrail.name}",
        f"No worse by {guardrail.name}",
        f"{phrase_points(guardrail.difference)}, at worst {phrase_points(low)}",
        f"{margin} at worst",
        "cannot_tell" if doubt else states[guardrail.state],
        value=low,
        limit=-guardrail.margin,
    )
    model = evidence.candidate.model
    if doubt:
        return Ruling(gate, doubt)
    counts = f"it went from {phrase_fraction(guardrail.baseline)} to {phrase_fraction(guardrail.candidate)}"
    if guardrail.state == "broken":
        reason = f"{model} is worse by {guardrail.name}: {counts}, a loss of {phrase_points(-high).lstrip('+')} or more"
        return Ruling(gate, f"{reason} where {phrase_points(guardrail.margin).lstrip('+')} are allowed.")
    reason = f"Whether {model} is worse by {guardrail.name} cannot be told: {counts}, and the truth may be"
    return Ruling(gate, f"{reason} {phrase_points(low)} where {margin} is allowed; more cases would tell.")


def doubt_grading(guardrail: Guardrail, evidence: Evidence, settings: GateSettings) -> str:
    """Why its grades say nothing, in a sentence; "" when they do."""
    for judge in evidence.findings.judges:
        if judge.judge == guardrail.name and not judge.may_gate:
            return judge.reason
    if guardrail.ungraded <= settings.ungraded_fraction * guardrail.total:
        return ""
    return (
        f"Whether {evidence.candidate.model} is worse by {guardrail.name} cannot be told: it could not grade the "
        f"answers to {guardrail.ungraded} of {phrase_cases(guardrail.total)}, and at most "
        f"{phrase_fraction(settings.ungraded_fraction)} may stay without a grade."
    )


def phrase_effect(effect: Effect) -> str:
    return f"{phrase_points(effect.difference)}, {phrase_p_value(effect.p_value)}"
