from __future__ import annotations

import pytest

from luthier.evaluation.graders.valid_json import ValidJsonGrader
from tests.evaluation.graders.samples import build_sample, grade_text


@pytest.mark.parametrize("text", ["{}", ' {"a": [1, null]}\n', "3", '"word"'])
def test_one_value_passes_whatever_it_says(text: str) -> None:
    assert grade_text(ValidJsonGrader(), text, "{}").passed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the text is empty"),
        ('```json\n{"a": 1}\n```', "expecting value"),
        ('Here it is: {"a": 1}', "expecting value"),
        ('{"a": 1} That is all.', "text after the value"),
        ('{"a": 1, "a": 2}', 'the key "a" occurs twice'),
        ("NaN", "NaN is not a JSON number"),
    ],
)
def test_anything_around_it_or_in_doubt_does_not(text: str, reason: str) -> None:
    grade = grade_text(ValidJsonGrader(), text, "{}")
    assert not grade.passed
    assert grade.explanation.startswith(f"not JSON: {reason}")


def test_a_reference_that_is_none_is_found_before_the_run() -> None:
    assert ValidJsonGrader().reference_problem(build_sample("{")) is not None
