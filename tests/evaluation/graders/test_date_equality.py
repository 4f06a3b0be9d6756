from __future__ import annotations

from luthier.evaluation.graders.date_equality import DateGrader
from tests.evaluation.graders.samples import build_sample, grade_text


def test_the_same_day_passes_in_another_spelling() -> None:
    assert grade_text(DateGrader(), "March 4, 2024", "2024-03-04").passed


def test_a_day_that_only_looks_alike_does_not() -> None:
    grade = grade_text(DateGrader(), "2024-04-03", "2024-03-04")
    assert not grade.passed
    assert grade.explanation == "expected 2024-03-04, got 2024-04-03"
    assert not grade_text(DateGrader(), "03/04/2024", "2024-03-04").passed


def test_a_reference_without_a_day_is_no_reference() -> None:
    assert DateGrader().reference_problem(build_sample("soon")) == "the answer does not name exactly one day"
