"""A comparison goes in, a decision that can be defended comes out: declared gates, each with its numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Literal, NamedTuple

from luthier.errors import InvalidConfig
from luthier.evaluation.wording import (
    phrase_cases,
    phrase_fraction,
    phrase_lines,
    phrase_p_value,
    phrase_points,
)
from luthier.stats.power import cases_needed, minimum_detectable_gain

if TYPE_CHECKING:
    from luthier.evaluation.compare import Comparison
    from luthier.evaluation.result import ModelResult

Decision = Literal["ship", "do_not_ship", "not_enough_data"]

WANTED_GAIN = 0.05
SIGNIFICANCE = 0.05
LARGEST_TRUNCATED_FRACTION = 0.10
LARGEST_UNANSWERED_FRACTION = 0.05
FEWEST_CASES = 6  # the exact McNemar test cannot fall below 0.05 with fewer, however they turn out


class Gate(NamedTuple):
    """One condition for shipping: what was measured, what is wanted, whether it holds."""

    name: str
    measured: str
    wanted: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` are complete sentences, the result first; `ship` means that every gate holds."""

    decision: Decision
    reasons: tuple[str, ...]
    gates: tuple[Gate, ...]


class Pair(NamedTuple):
    """What every gate looks at."""

    baseline: ModelResult
    candidate: ModelResult
    comparison: Comparison
    wanted_gain: float


class Ruling(NamedTuple):
    """A gate, and what follows when it is the first one that does not hold."""

    gate: Gate
    decision: Decision
    reason: str


def decide_verdict(
    baseline: ModelResult, candidate: ModelResult, comparison: Comparison, *, wanted_gain: float = WANTED_GAIN
) -> Verdict:
    """The first gate that does not hold decides. Raises InvalidConfig unless 0 < wanted_gain < 1."""
    if not 0 < wanted_gain < 1:
        raise InvalidConfig(
            f"the wanted gain must lie between 0 and 1, not {wanted_gain:g}", hint="0.05 means 5 points"
        )
    pair = Pair(baseline, candidate, comparison, wanted_gain)
    rulings = (
        judge_contamination(pair),
        judge_size(pair),
        judge_silence(pair),
        judge_truncation(pair),
        judge_loss(pair),
        judge_possible_gain(pair),
        judge_proven_gain(pair),
    )
    gates = tuple(ruling.gate for ruling in rulings)
    headline = describe_counts(pair)
    for ruling in rulings:
        if not ruling.gate.passed:
            return Verdict(ruling.decision, (headline, ruling.reason), gates)
    return Verdict("ship", (headline, describe_gain(pair)), gates)


def describe_sensitivity(total: int) -> str:
    """What a test of this size can show at best, to be said before it is run."""
    gain = minimum_detectable_gain(total)
    if gain is None:
        return f"with {phrase_cases(total, 'test case')} no gain can be seen: at least {FEWEST_CASES} are needed"
    return f"with {phrase_cases(total, 'test case')} you can see a gain of +{ceil(round(100 * gain, 1))} points or more"


def judge_contamination(pair: Pair) -> Ruling:
    seen = {model.model: model.trained_on_lines for model in (pair.candidate, pair.baseline)}
    lines = sorted({line for lines in seen.values() for line in lines})
    total = pair.candidate.total
    owners = " and ".join(name for name, own in seen.items() if own)
    were = "was" if len(lines) == 1 else "were"
    return Ruling(
        Gate("Test cases are new to both models", f"{len(lines)} of {total} seen in training", "0", not lines),
        "do_not_ship",
        f"{len(lines)} of the {total} test cases ({phrase_lines(lines)}) {were} in the training data of {owners}, "
        "so this test says nothing about new cases; test on rows that were kept apart.",
    )


def judge_size(pair: Pair) -> Ruling:
    total = pair.candidate.total
    return Ruling(
        Gate("Enough cases to decide", phrase_cases(total), f"at least {FEWEST_CASES}", total >= FEWEST_CASES),
        "not_enough_data",
        f"With {phrase_cases(total)} no result, however good, can be told from luck; "
        f"at least {FEWEST_CASES} are needed, and {about_cases_needed(pair)}.",
    )


def judge_silence(pair: Pair) -> Ruling:
    """Few missing answers cannot help the candidate, for none of them counts for it; many would decide the result."""
    fractions = {result.model: result.unanswered_fraction for result in (pair.candidate, pair.baseline)}
    worst = max((pair.candidate, pair.baseline), key=lambda result: result.unanswered)
    reasons = Counter(outcome.explanation for outcome in worst.outcomes if not outcome.is_answered).most_common(1)
    limit = phrase_fraction(LARGEST_UNANSWERED_FRACTION)
    measured = ", ".join(f"{name} {phrase_fraction(fraction)}" for name, fraction in fractions.items() if fraction)
    return Ruling(
        Gate(
            "Both models answer",
            f"without an answer: {measured or 'none'}",
            f"at most {limit} each",
            worst.unanswered_fraction <= LARGEST_UNANSWERED_FRACTION,
        ),
        "not_enough_data",
        f"{worst.model} gave no answer to {worst.unanswered} of {phrase_cases(worst.total)} "
        f"({'; '.join(reason for reason, _ in reasons)}), and at most {limit} may be missing. "
        "Evaluate again, which asks only for what is missing, or leave out the rows that cannot be answered.",
    )


def judge_truncation(pair: Pair) -> Ruling:
    fraction, usual = pair.candidate.truncated_fraction, pair.baseline.truncated_fraction
    limit = phrase_fraction(LARGEST_TRUNCATED_FRACTION)
    return Ruling(
        Gate(
            "Answers are complete",
            f"{phrase_fraction(fraction)} cut off, {pair.baseline.model} {phrase_fraction(usual)}",
            f"at most {limit}, or no more than {pair.baseline.model}",
            fraction <= LARGEST_TRUNCATED_FRACTION or fraction <= usual,
        ),
        "do_not_ship",
        f"{pair.candidate.truncated} of {pair.candidate.total} answers of {pair.candidate.model} "
        f"({phrase_fraction(fraction)}) were cut off at the token limit, against {phrase_fraction(usual)} before; "
        f"at most {limit} is allowed. Raise max_tokens, or find out why the answers do not end.",
    )


def judge_loss(pair: Pair) -> Ruling:
    comparison = pair.comparison
    is_worse = comparison.p_value < SIGNIFICANCE and comparison.difference < 0
    return Ruling(
        Gate("Not proven worse", describe_evidence(comparison), "no loss with p < 0.05", not is_worse),
        "do_not_ship",
        f"{pair.candidate.model} broke {phrase_cases(comparison.broken)} and fixed {comparison.fixed or 'none'}, "
        f"more than luck explains ({phrase_p_value(comparison.p_value)}): it is worse than {pair.baseline.model}.",
    )


def judge_possible_gain(pair: Pair) -> Ruling:
    best = pair.comparison.interval.high
    wanted = phrase_points(pair.wanted_gain)
    return Ruling(
        Gate(
            "A gain worth having is possible",
            f"{phrase_points(best)} at the very best",
            f"{wanted} or more",
            best >= pair.wanted_gain,
        ),
        "do_not_ship",
        f"There is no gain worth having: even the most hopeful reading of these cases is {phrase_points(best)}, "
        f"and {wanted} were wanted.",
    )


def judge_proven_gain(pair: Pair) -> Ruling:
    comparison = pair.comparison
    is_better = comparison.p_value < SIGNIFICANCE and comparison.difference > 0
    low, high = comparison.interval
    return Ruling(
        Gate("The gain is proven", describe_evidence(comparison), "above 0 with p < 0.05", is_better),
        "not_enough_data",
        f"The difference of {phrase_points(comparison.difference)} may be luck ({phrase_p_value(comparison.p_value)}; "
        f"the truth lies between {phrase_points(low)} and {phrase_points(high)}): {about_cases_needed(pair)}.",
    )


def describe_counts(pair: Pair) -> str:
    candidate, baseline = pair.candidate, pair.baseline
    return (
        f"{candidate.model} passed {candidate.passed} of {phrase_cases(candidate.total)}, "
        f"{baseline.model} passed {baseline.passed or 'none'}."
    )


def describe_gain(pair: Pair) -> str:
    comparison = pair.comparison
    return (
        f"{pair.candidate.model} fixed {phrase_cases(comparison.fixed)} and broke {comparison.broken or 'none'}; "
        f"luck alone would not do that ({phrase_p_value(comparison.p_value)}). The true gain lies between "
        f"{phrase_points(comparison.interval.low)} and {phrase_points(comparison.interval.high)}, with 95% confidence."
    )


def describe_evidence(comparison: Comparison) -> str:
    return f"{phrase_points(comparison.difference)}, {phrase_p_value(comparison.p_value)}"


def about_cases_needed(pair: Pair) -> str:
    """How many cases would settle it if the truth were what was measured, or else what was wanted."""
    comparison = pair.comparison
    gain = max(comparison.difference, pair.wanted_gain)
    broken_fraction = comparison.broken / comparison.total
    if gain > 1 - 2 * broken_fraction:
        return "many more cases would be needed, for too many break"
    needed = cases_needed(gain, broken_fraction=broken_fraction)
    return f"about {needed} cases would be needed to see a gain of {phrase_points(gain)}"
