"""Two results go in, and unlike conditions are refused: only what was measured alike can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.errors import UnlikeComparison

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.task import Criterion

COMPARED_CONDITIONS = {
    "data_fingerprint": "the test data",
    "grader": "the grader",
    "sampling": "the sampling",
    "structure": "the structure of the answers",
    "criteria": "the further criteria",
    "grader_hash": "what the graders are",
    "cases_hash": "what is asked and wanted",
    "version": "the version of luthier",
}
LINES_NAMED = 5


def refuse_same_model(baseline: str, candidate: str) -> None:
    if baseline == candidate:
        raise UnlikeComparison(f"both results are from {baseline}", hint="name two models, the baseline first")


def check_conditions(baseline: ModelResult, candidate: ModelResult) -> bool:
    """Whether both have one chat template, and so were given the same prompts.

    Then they have no reason to be measured by two engines; a hosted model, whose template nobody knows, and a local one
    have no other way.
    """
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
    if is_alike:
        check_prompts(baseline, candidate)
    return is_alike


def check_criteria(result: ModelResult, criteria: Sequence[Criterion]) -> None:
    wanted = tuple(criterion.grader.name for criterion in criteria)
    if criteria and wanted != result.manifest.criteria:
        graded = ", ".join(result.manifest.criteria) or "no further criterion"
        raise UnlikeComparison(
            f"the results were graded by {graded}, and {', '.join(wanted)} is wanted", hint="evaluate both models again"
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
