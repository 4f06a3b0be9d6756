from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from luthier.engine.protocol import Response, Sampling
from luthier.errors import EngineUnavailable
from luthier.evaluation.graders.json_equality import JsonGrader
from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.graders.valid_json import ValidJsonGrader
from luthier.evaluation.judgement import judge_responses
from luthier.evaluation.task import Criterion, EvalTask
from tests.evaluation.graders.samples import build_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.protocol import FinishReason
    from luthier.evaluation.graders.protocol import Grader, Output
    from luthier.evaluation.task import Sample


@dataclass
class Oracle:
    """A judge that says what the answer says, or that it could not judge."""

    name: str = "oracle"
    judges: tuple[str, ...] = ("somebody",)
    asked: list[str] = field(default_factory=list)

    def reference_problem(self, sample: Sample) -> str | None:
        return None

    def grade(self, output: Output, sample: Sample) -> Grade:
        (grade,) = self.grade_many([output], [sample])
        return grade

    def grade_many(self, outputs: Sequence[Output], samples: Sequence[Sample]) -> list[Grade]:
        self.asked += [output.text for output in outputs]
        if "gone" in self.asked:
            raise EngineUnavailable("gone")
        return [
            Grade(False, "?", error="judge_unreadable") if output.text == "?" else Grade(True, "fine", score=0.7)
            for output in outputs
        ]


def judge(texts: Sequence[str | Response], grader: Grader, *others: Grader) -> tuple[list[str], list[list[Grade]]]:
    samples = tuple(build_sample('{"a": 1}') for _ in texts)
    criteria = tuple(Criterion(other, "secondary") for other in others)
    task = EvalTask("task", samples, grader, Sampling(), "data", criteria=criteria)
    responses = [answer(text) if isinstance(text, str) else text for text in texts]
    found = judge_responses(samples, responses, task)
    return [each.kind for each in found], [[each.grade, *each.others] for each in found]


def answer(text: str, reason: FinishReason = "stop") -> Response:
    return Response(text, reason, 1, 7, "hash")


def test_each_answer_has_the_grade_of_every_grader() -> None:
    kinds, grades = judge(['{"a": 1}', '{"a": 2}', "a"], JsonGrader(), ValidJsonGrader())
    assert kinds == ["passed", "failed", "failed"]
    assert [[each.passed for each in row] for row in grades] == [[True, True], [False, True], [False, False]]


def test_an_answer_that_could_not_be_judged_is_ungraded() -> None:
    kinds, grades = judge(["fine", "?"], Oracle(), JsonGrader())
    assert kinds == ["passed", "ungraded"]
    assert grades[1][0].error == "judge_unreadable"


def test_a_criterion_that_could_not_judge_leaves_the_outcome_alone() -> None:
    kinds, grades = judge(["?"], JsonGrader(), Oracle())
    assert kinds == ["failed"]
    assert grades[0][1].error == "judge_unreadable"


def test_a_cut_answer_passes_nothing_and_keeps_its_fields() -> None:
    kinds, grades = judge([answer('{"a": 1}', "length")], JsonGrader(), ValidJsonGrader())
    assert kinds == ["truncated"]
    assert [each.passed for each in grades[0]] == [False, False]
    assert grades[0][0].explanation == "cut off after 7 tokens, so not graded"
    assert [field.kind for field in grades[0][0].fields] == ["right"]


def test_nobody_is_asked_about_what_was_cut_off_or_withheld() -> None:
    oracle = Oracle()
    kinds, grades = judge([answer("a", "length"), "b", answer("c", "content_filter")], oracle)
    assert oracle.asked == ["b"]
    assert kinds == ["truncated", "passed", "failed"]
    assert [row[0].points for row in grades] == [0.0, 0.7, 0.0]


def test_a_judge_that_is_away_ends_it_all() -> None:
    with pytest.raises(EngineUnavailable):
        judge(["fine", "gone"], Oracle())
