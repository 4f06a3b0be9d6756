from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.evaluation.graders.protocol import FieldGrade
from luthier.evaluation.pages.answers import LEAST_ROOM, ROOM_FOR_TEXTS, build_case, find_room, shorten
from tests.evaluation.reports import Made, make_report

REPORT = make_report(Made(count=12, base_passes_every=2))


def test_few_cases_have_all_the_room_and_many_share_the_page() -> None:
    assert find_room(30, 2) == 4000
    assert find_room(0, 1) == 4000
    assert find_room(500, 2) * 500 * 6 <= ROOM_FOR_TEXTS
    assert find_room(100_000, 2) == LEAST_ROOM


def test_a_broken_case_says_why_and_shows_what_changed() -> None:
    case = build_case(REPORT.samples[0], REPORT.results, 0, room=4000)
    assert [answer.kind for answer in case.answers] == ["passed", "failed"]
    assert case.reason == "total: expected 15.5, got 1"
    assert case.change is not None
    assert [piece.text for piece in case.change.pieces if piece.mark == "added"] == ["1", '"1/5"', '"tip": "none"']
    assert not case.same_answer
    assert case.error_paths == ("total", "date", "tip")


def test_equal_answers_are_said_to_be_equal() -> None:
    case = build_case(REPORT.samples[2], REPORT.results, 2, room=4000)
    assert case.same_answer
    assert case.change is None
    assert case.reason == ""


def test_an_answer_that_never_came_is_compared_with_nothing() -> None:
    baseline, candidate = REPORT.results
    silent = replace(baseline.outcomes[0], kind="unanswered", output="")
    results = (replace(baseline, outcomes=(silent, *baseline.outcomes[1:])), candidate)
    case = build_case(REPORT.samples[0], results, 0, room=4000)
    assert case.change is None
    assert case.answers[0].kind_words == "no answer"


def test_only_fields_that_are_not_right_are_named() -> None:
    outcome = replace(REPORT.candidate.outcomes[1], fields=(FieldGrade("a", "right"), FieldGrade("b", "omitted")))
    outcomes = (REPORT.candidate.outcomes[0], outcome, *REPORT.candidate.outcomes[2:])
    case = build_case(REPORT.samples[1], [replace(REPORT.candidate, outcomes=outcomes)], 1, room=4000)
    assert [grade.path for grade in case.answers[0].field_errors] == ["b"]
    assert case.change is None


@pytest.mark.parametrize(("text", "short"), [("a\n b", "a b"), ("x" * 10, "x" * 10), ("x" * 11, "x" * 10 + "…")])
def test_a_name_is_one_short_line(text: str, short: str) -> None:
    assert shorten(text, 10) == short
