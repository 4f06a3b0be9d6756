"""Whether the test can say anything at all: its rows are new, enough, answered and graded by what may be trusted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from luthier.engine.remote.address import is_remote
from luthier.evaluation.gates.gate import Gate, Ruling, choose_state
from luthier.evaluation.gates.needs import phrase_cases_needed
from luthier.evaluation.wording import phrase_cases, phrase_fraction, phrase_lines
from luthier.stats.intervals import none_failed_bound

if TYPE_CHECKING:
    from luthier.evaluation.gates.evidence import Evidence
    from luthier.evaluation.gates.settings import GateSettings
    from luthier.evaluation.judging.agreement import JudgeAgreement
    from luthier.evaluation.result import ModelResult, Outcome

FEWEST_CASES = 6
"""With fewer, no p-value of the exact McNemar test lies below 0.05, however they turn out."""


def judge_contamination(evidence: Evidence, settings: GateSettings) -> Ruling:
    """Rows that stand in the training data, and those that are nearly the same as one there, void the test alike."""
    seen = {result.model: find_seen_lines(evidence, result) for result in (evidence.candidate, evidence.baseline)}
    lines = sorted({line for own in seen.values() for line in own})
    owners = " and ".join(name for name, own in seen.items() if own)
    total = evidence.candidate.total
    gate = Gate(
        "contamination",
        "Test cases are new to both models",
        f"{len(lines)} of {total} seen in training",
        "0",
        choose_state(is_good=not lines),
        value=len(lines),
        limit=0,
    )
    if not lines and is_remote(evidence.candidate.model):
        why = f"what {evidence.candidate.model} was tuned on is known to whoever tuned it"
        return Ruling(replace(gate, measured=why, state="not_measured", value=None))
    if not lines:
        return Ruling(gate)
    near = count_near_lines(evidence)
    nearly = f", {near} of them with small changes" if near else ""
    return Ruling(
        gate,
        f"{len(lines)} of the {total} test cases ({phrase_lines(lines)}) {'was' if len(lines) == 1 else 'were'} in the "
        f"training data of {owners}{nearly}, so this test says nothing about new cases; test on rows that were kept "
        "apart.",
        voids=True,
    )


def find_seen_lines(evidence: Evidence, result: ModelResult) -> set[int]:
    found = evidence.findings.contamination
    leaked = (*found.exact, *found.near) if found else ()
    return {*result.trained_on_lines, *(case.line for case in leaked if case.model == result.model)}


def count_near_lines(evidence: Evidence) -> int:
    found = evidence.findings.contamination
    if found is None:
        return 0
    known = {line for result in (evidence.baseline, evidence.candidate) for line in result.trained_on_lines}
    return len({case.line for case in found.near} - {case.line for case in found.exact} - known)


def judge_size(evidence: Evidence, settings: GateSettings) -> Ruling:
    """Too few to prove anything leaves nothing to say; a few more can prove a loss, and still no model is shipped."""
    total = evidence.candidate.total
    gate = Gate(
        "cases",
        "Enough cases to decide",
        phrase_cases(total),
        f"at least {settings.fewest_cases}",
        choose_state(is_good=total >= settings.fewest_cases, otherwise="cannot_tell"),
        value=total,
        limit=settings.fewest_cases,
    )
    wanted = f"at least {settings.fewest_cases} are wanted"
    if total < FEWEST_CASES:
        needed = phrase_cases_needed(evidence, settings)
        reason = f"With {phrase_cases(total)} no result, however good, can be told from luck; {wanted}, and {needed}."
        return Ruling(gate, reason, voids=True)
    unseen = phrase_fraction(none_failed_bound(total))
    return Ruling(gate, f"With {phrase_cases(total)} a fault in up to {unseen} of answers could go unseen; {wanted}.")


def judge_silence(evidence: Evidence, settings: GateSettings) -> Ruling:
    """Few missing answers cannot help the candidate, for none of them counts for it; many would decide the result."""
    results = (evidence.candidate, evidence.baseline)
    worst = max(results, key=lambda result: result.unanswered)
    limit = phrase_fraction(settings.unanswered_fraction)
    gate = Gate(
        "answers",
        "Both models answer",
        f"without an answer: {name_fractions({each.model: each.unanswered_fraction for each in results})}",
        f"at most {limit} each",
        choose_state(is_good=worst.unanswered_fraction <= settings.unanswered_fraction, otherwise="cannot_tell"),
        value=worst.unanswered_fraction,
        limit=settings.unanswered_fraction,
    )
    return Ruling(
        gate,
        f"{worst.model} gave no answer to {worst.unanswered} of {phrase_cases(worst.total)} "
        f"({find_main_reason(worst, 'unanswered')}), and at most {limit} may be missing. "
        "Evaluate again, which asks only for what is missing, or leave out the rows that cannot be answered.",
        voids=True,
    )


def judge_grading(evidence: Evidence, settings: GateSettings) -> Ruling:
    """An answer that the grader could not judge counts for nobody; many of them would decide the result."""
    results = (evidence.candidate, evidence.baseline)
    fractions = {each.model: each.ungraded / each.total for each in results}
    worst = max(results, key=lambda result: result.ungraded)
    limit = phrase_fraction(settings.ungraded_fraction)
    gate = Gate(
        "grading",
        "Answers can be graded",
        f"without a grade: {name_fractions(fractions)}",
        f"at most {limit} each",
        choose_state(is_good=max(fractions.values()) <= settings.ungraded_fraction, otherwise="cannot_tell"),
        value=max(fractions.values()),
        limit=settings.ungraded_fraction,
    )
    return Ruling(
        gate,
        f"{worst.ungraded} of {phrase_cases(worst.total, 'answer')} of {worst.model} could not be graded "
        f"({find_main_reason(worst, 'ungraded')}), and at most {limit} may stay so. See to the grader, then evaluate "
        "again: the answers are kept.",
        voids=True,
    )


def judge_the_judges(evidence: Evidence, settings: GateSettings) -> list[Ruling]:
    return [judge_the_judge(judge, evidence) for judge in evidence.findings.judges]


def judge_the_judge(judge: JudgeAgreement, evidence: Evidence) -> Ruling:
    """One that decides what passes and was not checked leaves nothing to be said."""
    is_primary = judge.judge == evidence.candidate.manifest.grader
    checked = f"agrees in {judge.agreed} of {phrase_cases(judge.cases)}" if judge.cases else "not compared with people"
    gate = Gate(
        "judge" if is_primary else f"judge:{judge.judge}",
        "The judge agrees with people" if is_primary else f"The judge {judge.judge} agrees with people",
        checked,
        "shown on labels of people",
        choose_state(is_good=judge.may_gate, otherwise="cannot_tell"),
        value=judge.agreed / judge.cases if judge.cases else None,
    )
    return Ruling(gate, judge.reason, voids=is_primary)


def name_fractions(fractions: dict[str, float]) -> str:
    named = [f"{name} {phrase_fraction(fraction)}" for name, fraction in fractions.items() if fraction]
    return ", ".join(named) or "none"


def find_main_reason(result: ModelResult, kind: str) -> str:
    def counts(outcome: Outcome) -> bool:
        return outcome.kind == kind

    reasons = Counter(outcome.explanation or outcome.error for outcome in filter(counts, result.outcomes))
    return "; ".join(reason for reason, _ in reasons.most_common(1))
