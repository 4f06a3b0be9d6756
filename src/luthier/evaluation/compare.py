"""Two results on the same samples go in, what changed and how surely comes out; unlike results are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.errors import UnlikeComparison
from luthier.stats.intervals import Interval, paired_difference_interval
from luthier.stats.paired import mcnemar_exact

if TYPE_CHECKING:
    from luthier.evaluation.result import ModelResult, Outcome

COMPARED_CONDITIONS = {
    "data_fingerprint": "the test data",
    "grader": "the grader",
    "sampling": "the sampling",
    "structure": "the structure of the answers",
}
LINES_NAMED = 5


@dataclass(frozen=True)
class Comparison:
    """`difference` is the candidate's pass rate less the baseline's; the interval covers it at 95 percent.

    `p_value` is McNemar's exact one. `same_prompts` is False when the two models have different chat templates.

    `unanswered` cases lack the answer of one model or of both. They never speak for the candidate: what only the
    baseline passed is broken, and what the baseline did not answer is passed by neither, whatever the candidate wrote.
    """

    fixed_samples: tuple[str, ...]
    broken_samples: tuple[str, ...]
    both_passed: int
    both_failed: int
    interval: Interval
    p_value: float
    same_prompts: bool
    unanswered: int = 0

    @property
    def fixed(self) -> int:
        return len(self.fixed_samples)

    @property
    def broken(self) -> int:
        return len(self.broken_samples)

    @property
    def total(self) -> int:
        return self.fixed + self.broken + self.both_passed + self.both_failed

    @property
    def difference(self) -> float:
        return (self.fixed - self.broken) / self.total


def compare_results(baseline: ModelResult, candidate: ModelResult) -> Comparison:
    """Raises UnlikeComparison, naming each condition under which the two were not measured alike."""
    check_conditions(baseline, candidate)
    same_prompts = baseline.manifest.template_hash == candidate.manifest.template_hash
    if same_prompts:
        check_prompts(baseline, candidate)
    pairs = list(zip(baseline.outcomes, candidate.outcomes, strict=True))
    fixed = tuple(after.sample_id for before, after in pairs if is_fixed(before, after))
    broken = tuple(after.sample_id for before, after in pairs if before.passed and not after.passed)
    both_passed = sum(before.passed and after.passed for before, after in pairs)
    return Comparison(
        fixed_samples=fixed,
        broken_samples=broken,
        both_passed=both_passed,
        both_failed=len(pairs) - len(fixed) - len(broken) - both_passed,
        interval=paired_difference_interval(len(fixed), len(broken), len(pairs)),
        p_value=mcnemar_exact(len(fixed), len(broken)),
        same_prompts=same_prompts,
        unanswered=sum(not (before.is_answered and after.is_answered) for before, after in pairs),
    )


def is_fixed(before: Outcome, after: Outcome) -> bool:
    """A gain needs an answer to hold it against: a baseline that was not heard has not been beaten."""
    return after.passed and not before.passed and before.is_answered


def refuse_same_model(baseline: str, candidate: str) -> None:
    if baseline == candidate:
        raise UnlikeComparison(f"both results are from {baseline}", hint="name two models, the baseline first")


def check_conditions(baseline: ModelResult, candidate: ModelResult) -> None:
    """Models of one chat template have no reason to be measured by two engines; a hosted one, whose template nobody
    knows, and a local one have no other way."""
    is_alike = baseline.manifest.template_hash == candidate.manifest.template_hash
    conditions = COMPARED_CONDITIONS | ({"engine": "the engine"} if is_alike else {})
    differing = [
        f"{words} ({describe(old)} and {describe(new)})"
        for field, words in conditions.items()
        if (old := getattr(baseline.manifest, field)) != (new := getattr(candidate.manifest, field))
    ]
    refuse_same_model(baseline.model, candidate.model)
    if not differing and [o.sample_id for o in baseline.outcomes] != [o.sample_id for o in candidate.outcomes]:
        differing = ["the samples or their order"]
    if differing:
        raise UnlikeComparison(
            f"{baseline.model} and {candidate.model} were not measured alike: {'; '.join(differing)}",
            hint="evaluate both models in one run",
        )


def check_prompts(baseline: ModelResult, candidate: ModelResult) -> None:
    """Equal templates must give equal prompts; if they do not, something between template and engine differs."""
    lines = [
        str(before.line)
        for before, after in zip(baseline.outcomes, candidate.outcomes, strict=True)
        if before.is_answered and after.is_answered and before.prompt_hash != after.prompt_hash
    ]
    if lines:
        named = ", ".join(lines[:LINES_NAMED]) + (", …" if len(lines) > LINES_NAMED else "")
        raise UnlikeComparison(
            f"{baseline.model} and {candidate.model} were given different prompts "
            f"in {len(lines)} of {baseline.total} cases (lines {named})",
            hint="both claim the same chat template, so their tokenizers differ; evaluate both models again",
        )


def describe(condition: object) -> str:
    return str(condition) if not isinstance(condition, str) else (condition if len(condition) < 48 else condition[:12])
