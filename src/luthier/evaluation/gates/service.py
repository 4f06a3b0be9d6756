"""Whether the candidate's answers come whole, in the right form, fast enough and cheaply enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.evaluation.gates.gate import Gate, GateState, Ruling
from luthier.evaluation.gates.safety import NO_LIMIT
from luthier.evaluation.wording import phrase_dollars, phrase_fraction, phrase_seconds
from luthier.stats.paired import mcnemar_exact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.gates.evidence import Evidence
    from luthier.evaluation.gates.settings import GateSettings
    from luthier.evaluation.latency import Latency

FAULT_SIGNIFICANCE = 0.001
"""So strict that all gates together, of two models that are alike, still err no more often than the gain's alone."""


class Faults(NamedTuple):
    """How many of the same answers have a fault; `gained` have it with the candidate alone, `lost` no longer."""

    before: int
    after: int
    gained: int
    lost: int
    total: int

    def rule(self, limit: float) -> GateState:
        """A few are let pass, and so is what the baseline does as often. Only what luck does not explain speaks against
        the candidate."""
        if self.after <= limit * self.total or self.after <= self.before:
            return "passed"
        return "failed" if mcnemar_exact(self.lost, self.gained) < FAULT_SIGNIFICANCE else "cannot_tell"


def judge_truncation(evidence: Evidence, settings: GateSettings) -> Ruling:
    before = [outcome.kind == "truncated" for outcome in evidence.baseline.outcomes]
    after = [outcome.kind == "truncated" for outcome in evidence.candidate.outcomes]
    faults = count_faults(before, after)
    baseline, candidate = evidence.baseline.model, evidence.candidate.model
    limit = phrase_fraction(settings.truncated_fraction)
    share, usual = phrase_fraction(faults.after / faults.total), phrase_fraction(faults.before / faults.total)
    gate = Gate(
        "truncation",
        "Answers are complete",
        f"{share} cut off, {baseline} {usual}",
        f"at most {limit}, or no more than {baseline}",
        faults.rule(settings.truncated_fraction),
        value=faults.after / faults.total,
        limit=settings.truncated_fraction,
    )
    return Ruling(
        gate,
        f"{faults.after} of {faults.total} answers of {candidate} ({share}) were cut off at the token limit, against "
        f"{usual} before; at most {limit} is allowed. Raise max_tokens, or find out why the answers do not end.",
    )


def judge_format(evidence: Evidence, settings: GateSettings) -> Ruling | None:
    """None where answers may look as they like."""
    check = evidence.findings.format
    if check is None:
        return None
    faults = count_faults(check.baseline_invalid, check.candidate_invalid)
    baseline, candidate = evidence.baseline.model, evidence.candidate.model
    limit = phrase_fraction(settings.invalid_fraction)
    share, usual = phrase_fraction(faults.after / faults.total), phrase_fraction(faults.before / faults.total)
    gate = Gate(
        "format",
        f"Answers have the right form ({check.grader})",
        f"{share} without it, {baseline} {usual}",
        f"at most {limit}, or no more than {baseline}",
        faults.rule(settings.invalid_fraction),
        value=faults.after / faults.total,
        limit=settings.invalid_fraction,
    )
    return Ruling(
        gate,
        f"{faults.after} of {faults.total} answers of {candidate} ({share}) do not have the form that is wanted "
        f"({check.grader}), against {usual} before; at most {limit} is allowed. Hold answers to a form with "
        "--structure, or train on more rows that have it.",
    )


def count_faults(before: Sequence[bool], after: Sequence[bool]) -> Faults:
    pairs = list(zip(before, after, strict=True))
    return Faults(
        before=sum(before),
        after=sum(after),
        gained=sum(new and not old for old, new in pairs),
        lost=sum(old and not new for old, new in pairs),
        total=len(pairs),
    )


def judge_latency(evidence: Evidence, settings: GateSettings) -> Ruling:
    name = "Answers come fast enough"
    findings = evidence.findings
    candidate = findings.find_latency(evidence.candidate.model)
    baseline = findings.find_latency(evidence.baseline.model)
    limit = find_latency_limit(settings, baseline)
    is_limited = settings.latency_seconds is not None or settings.latency_ratio is not None
    if candidate is None or (is_limited and limit is None):
        why, wanted = findings.explain_absence("latency"), "a set limit" if is_limited else NO_LIMIT
        return Ruling(
            Gate("latency", name, why, wanted, "cannot_tell" if is_limited else "not_measured", limit=limit),
            f"A limit is set for the time of an answer, and it was not measured: {why}.",
        )
    seconds = candidate.whole_seconds.median
    before = f", {baseline.model} {phrase_seconds(baseline.whole_seconds.median)}" if baseline else ""
    wanted = NO_LIMIT if limit is None else f"at most {phrase_seconds(limit)}"
    return Ruling(
        Gate(
            "latency",
            name,
            f"{phrase_seconds(seconds)} a whole answer{before}",
            wanted,
            "failed" if limit is not None and seconds > limit else "passed",
            value=seconds,
            limit=limit,
        ),
        f"An answer of {candidate.model} takes {phrase_seconds(seconds)} (the median of {candidate.count}), and "
        f"{wanted} is allowed.",
    )


def find_latency_limit(settings: GateSettings, baseline: Latency | None) -> float | None:
    """The stricter of two limits; None when none is set, or the one that is needs a time that was not measured."""
    limits = [] if settings.latency_seconds is None else [settings.latency_seconds]
    if settings.latency_ratio is not None and baseline is not None:
        limits.append(settings.latency_ratio * baseline.whole_seconds.median)
    return min(limits, default=None)


def judge_cost(evidence: Evidence, settings: GateSettings) -> Ruling:
    name, limit = "Answers are cheap enough", settings.dollars_per_thousand
    wanted = NO_LIMIT if limit is None else f"at most {phrase_dollars(limit)} for 1,000 answers"
    cost = evidence.findings.find_cost(evidence.candidate.model)
    dollars = cost.dollars_per_thousand if cost else None
    if cost is None or dollars is None:
        why = cost.source if cost else evidence.findings.explain_absence("cost")
        return Ruling(
            Gate("cost", name, why, wanted, "not_measured" if limit is None else "cannot_tell", limit=limit),
            f"A limit is set for the cost of an answer, and it is not known: {why}.",
        )
    return Ruling(
        Gate(
            "cost",
            name,
            f"{phrase_dollars(dollars)} for 1,000 answers",
            wanted,
            "failed" if limit is not None and dollars > limit else "passed",
            value=dollars,
            limit=limit,
        ),
        f"A thousand answers of {cost.model} cost {phrase_dollars(dollars)} ({cost.source}), and {wanted} is allowed.",
    )
