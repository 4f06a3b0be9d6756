"""Which answers have the form that is wanted, whatever they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luthier.evaluation.graders.grading import grade_all
from luthier.evaluation.graders.protocol import Output
from luthier.evaluation.graders.strict_json import NotStrictJson, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.graders.protocol import Grader
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.task import Sample


@dataclass(frozen=True, slots=True)
class FormatCheck:
    """Case by case whether an answer lacks the form that `grader` wants; one that is missing or cut off lacks it, and
    one that calls a tool, where that is wanted, has none to lack."""

    grader: str
    baseline_invalid: tuple[bool, ...]
    candidate_invalid: tuple[bool, ...]


def check_format(
    grader: Grader, samples: Sequence[Sample], baseline: ModelResult, candidate: ModelResult
) -> FormatCheck:
    return FormatCheck(grader.name, find_invalid(grader, samples, baseline), find_invalid(grader, samples, candidate))


def find_invalid(grader: Grader, samples: Sequence[Sample], result: ModelResult) -> tuple[bool, ...]:
    outputs = [Output(outcome.output, outcome.tool_calls) for outcome in result.outcomes]
    grades = grade_all(grader, outputs, samples)
    return tuple(
        not sample.reference_calls and (outcome.kind in ("truncated", "unanswered") or not grade.passed)
        for sample, outcome, grade in zip(samples, result.outcomes, grades, strict=True)
    )


def are_references_json(samples: Sequence[Sample]) -> bool:
    """Whether each reference that is a text is a JSON object or list, and there is one."""
    texts = [sample.reference for sample in samples if not sample.reference_calls]
    return bool(texts) and all(isinstance(read_json(text), dict | list) for text in texts)


def read_json(text: str) -> Any:
    try:
        return parse_json(text)
    except NotStrictJson:
        return None
