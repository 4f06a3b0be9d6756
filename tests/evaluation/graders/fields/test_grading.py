from __future__ import annotations

import json

import pytest

from luthier.evaluation.graders.fields.grading import MOST_VALUES, grade_fields
from luthier.evaluation.graders.fields.rules import FieldRules

ORDER = json.dumps({"customer": "Ann", "total": 31.5, "items": ["lamp", "desk"]})


def test_all_fields_right_is_a_pass() -> None:
    grade = grade_fields('{"total": 31.50, "items": ["lamp", "desk"], "customer": "Ann"}', ORDER)
    assert (grade.passed, grade.score, grade.explanation) == (True, 1.0, "all 4 fields right")


def test_the_first_fault_is_named_with_how_many_there_are() -> None:
    grade = grade_fields('{"customer": "Ann", "total": 32, "items": ["lamp"], "note": ""}', ORDER)
    assert grade.explanation == ("total: expected 31.5, got 32; 2 of 4 fields right, 1 wrong, 1 omitted, 1 invented")
    assert grade.score == pytest.approx(2 * 2 / (4 + 4))
    assert [(field.path, field.kind, field.wanted, field.got) for field in grade.fields[1:]] == [
        ("total", "wrong", "31.5", "32"),
        ("items[]", "right", '"lamp"', '"lamp"'),
        ("items[]", "omitted", '"desk"', ""),
        ("note", "invented", "", '""'),
    ]


@pytest.mark.parametrize("text", ["", "Ann ordered a lamp", '{"customer": "Ann"', json.dumps([0] * (MOST_VALUES + 1))])
def test_what_cannot_be_compared_has_omitted_everything(text: str) -> None:
    grade = grade_fields(text, ORDER)
    assert (grade.passed, grade.score) == (False, 0.0)
    assert [field.kind for field in grade.fields] == ["omitted"] * 4


def test_a_null_is_a_value_unless_the_rules_say_it_is_none() -> None:
    reference, text = '{"a": 1, "b": null}', '{"a": 1, "c": null}'
    assert not grade_fields(text, reference).passed
    assert grade_fields(text, reference, FieldRules(null_is_absent=True)).passed
