from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from luthier.conversation import ToolCall
from luthier.evaluation.graders.exact import ExactGrader
from luthier.evaluation.graders.grading import grade_all
from luthier.evaluation.graders.protocol import Grade, Output
from tests.evaluation.graders.samples import build_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.task import Sample

CALL = ToolCall("1", "find", "{}")


@dataclass
class Counting:
    """Grades many at once and keeps how many."""

    name: str = "counting"
    batches: list[int] = field(default_factory=list)

    def reference_problem(self, sample: Sample) -> str | None:
        return None

    def grade(self, output: Output, sample: Sample) -> Grade:
        raise AssertionError("it can grade many")

    def grade_many(self, outputs: Sequence[Output], samples: Sequence[Sample]) -> list[Grade]:
        self.batches.append(len(outputs))
        return [ExactGrader().grade(output, sample) for output, sample in zip(outputs, samples, strict=True)]


def test_grades_stand_in_the_order_of_the_answers_wherever_they_come_from() -> None:
    wants_call = build_sample("", reference_calls=(CALL,))
    outputs = [Output("a"), Output("", (CALL,)), Output("b"), Output("a", (CALL,)), Output("a")]
    samples = [build_sample("a"), wants_call, build_sample("a"), build_sample("a"), wants_call]
    grades = grade_all(ExactGrader(), outputs, samples)
    assert [grade.passed for grade in grades] == [True, True, False, False, False]
    assert grades[3].explanation == "calls find where the reference answers in words"
    assert grades[4].explanation == "no tool is called, expected find"


def test_a_grader_of_many_gets_them_all_at_once() -> None:
    grader = Counting()
    outputs = [Output("a"), Output("b"), Output("", (CALL,))]
    grades = grade_all(grader, outputs, [build_sample("a")] * 3)
    assert [grade.passed for grade in grades] == [True, False, False]
    assert grader.batches == [2]


def test_where_only_calls_are_compared_nobody_is_asked() -> None:
    grader = Counting()
    grade_all(grader, [Output("", (CALL,))], [build_sample("a")])
    assert grader.batches == []
