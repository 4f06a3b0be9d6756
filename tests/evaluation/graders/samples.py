"""Samples and answers as graders see them, without a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.conversation import Message
from luthier.evaluation.graders.grading import grade_one
from luthier.evaluation.graders.protocol import Grade, Grader, Output
from luthier.evaluation.task import Sample

if TYPE_CHECKING:
    from luthier.conversation import ToolCall


def build_sample(reference: str, **changes: Any) -> Sample:
    return Sample("case", (Message("user", "?"),), reference, 1, "case", **changes)


def grade_text(grader: Grader, text: str, reference: str = "", *, calls: tuple[ToolCall, ...] = ()) -> Grade:
    """Of a sample that nothing is known of but its reference."""
    return grade_one(grader, Output(text, calls), build_sample(reference))
