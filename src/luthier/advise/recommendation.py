"""Measured rungs and what is needed of them go in; the lowest that meets the target comes out, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from luthier.advise.ladder import find_best
from luthier.advise.rungs import CITING, TRAINED
from luthier.evaluation.wording import phrase_lines
from luthier.stats.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.advise.ladder import Step

Finding = Literal["met", "unproven", "missed", "nothing"]
"""`unproven`: at or above the target as measured, with too few cases to be sure. `missed`: none is, and the best one is
named. `nothing`: no rung could be measured, or none may be recommended."""

FEWEST_GOOD_ROWS = 50
"""Source: OpenAI's fine-tuning guide sees clear improvements from 50 to 100 training examples on."""

MOST_CASES = 100_000


@dataclass(frozen=True, slots=True)
class Needs:
    """What somebody says of the task that no test row tells.

    `changes`: answers rest on knowledge that changes. `cites`: an answer must name its sources.
    """

    target: float = 0.9
    changes: bool = False
    cites: bool = False


class Recommendation(NamedTuple):
    """`step` is None only for `nothing`. `cases_needed` would settle an `unproven` one if the truth is what was
    measured; None when no number would. `objections` are, by the name of the step, why it cannot be recommended."""

    finding: Finding
    step: Step | None
    cases_needed: int | None
    objections: dict[str, str]


def recommend(steps: Sequence[Step], needs: Needs) -> Recommendation:
    objections = {step.name: reason for step in steps if (reason := find_objection(step, needs))}
    eligible = [step for step in steps if step.name not in objections]
    for step in eligible:
        if step.state == "met":
            return Recommendation("met", step, None, objections)
    reaching = [step for step in eligible if step.rate >= needs.target]
    if reaching:
        cases = count_cases(reaching[0].rate, needs.target)
        return Recommendation("unproven", reaching[0], cases, objections)
    if not eligible:
        return Recommendation("nothing", None, None, objections)
    best = max(eligible, key=lambda step: step.rate)  # of equal ones the lowest, for max takes the first
    return Recommendation("missed", best, None, objections)


def find_objection(step: Step, needs: Needs) -> str:
    """Empty for a rung that may be recommended."""
    technique, seen, copies = step.rung.technique, len(step.seen_lines), step.rung.copies
    if seen:
        return (
            f"{seen} of the {step.result.total} test rows were in its training data, or rows nearly the same, so its "
            "result says nothing"
        )
    if copies:
        lines = sorted({copy.line for copy in copies})
        return (
            f"{len(lines)} of the {step.result.total} test rows ({phrase_lines(lines)}) stand with their answers in "
            f"what is shown, such as in {copies[0].place}, and may be copied; take them out there, or out of the test"
        )
    if needs.cites and technique not in CITING:
        return "answers must name their sources, and only retrieval hands them over"
    if needs.changes and technique in TRAINED and technique not in CITING:
        return "what it knows stays as it was on the day of its training, and the knowledge changes"
    return ""


def count_cases(rate: float, target: float) -> int | None:
    """How many cases at this very rate would prove the target; None when more than MOST_CASES."""
    low, high = 0, 1
    while wilson_interval(round(rate * high), high).low < target:
        low, high = high, 2 * high
        if high > MOST_CASES:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        is_enough = wilson_interval(round(rate * middle), middle).low >= target
        low, high = (low, middle) if is_enough else (middle, high)
    return high


def find_best_above(step: Step, steps: Sequence[Step]) -> Step | None:
    """Of those measured above it; as `find_best`."""
    return find_best(steps[steps.index(step) + 1 :])


def is_tuning_worthwhile(good_rows: int) -> bool:
    return good_rows >= FEWEST_GOOD_ROWS
