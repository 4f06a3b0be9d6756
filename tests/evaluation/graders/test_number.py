from __future__ import annotations

from luthier.evaluation.graders.number import NumberGrader, parse_number
from tests.evaluation.graders.samples import build_sample, grade_text


def test_words_and_spelling_do_not_count() -> None:
    assert grade_text(NumberGrader(), "It is $1,200.00 in total", "1200").passed


def test_a_number_that_is_off_is_named_with_the_one_expected() -> None:
    grade = grade_text(NumberGrader(), "31.02", "31.00")
    assert not grade.passed
    assert grade.explanation == "expected 31.00, got 31.02"


def test_a_tolerance_is_said_where_it_was_needed() -> None:
    grade = grade_text(parse_number("0.05"), "31.02", "31.00")
    assert grade.passed
    assert grade.explanation == "expected 31.00, got 31.02, within 0.05"


def test_two_numbers_are_no_answer() -> None:
    assert not grade_text(NumberGrader(), "31 or 32", "31").passed


def test_a_reference_without_a_number_is_no_reference() -> None:
    assert NumberGrader().reference_problem(build_sample("31")) is None
    assert NumberGrader().reference_problem(build_sample("none")) == "the answer does not hold exactly one number"


def test_its_name_says_its_tolerance() -> None:
    assert (NumberGrader().name, parse_number("1%").name) == ("number", "number:1%")
