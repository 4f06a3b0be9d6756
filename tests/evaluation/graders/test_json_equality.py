from __future__ import annotations

import pytest

from luthier.evaluation.graders.json_equality import JsonGrader
from tests.evaluation.graders.samples import build_sample, grade_text

REFERENCE = '{"customer": "Zoe", "items": [{"name": "lamp", "quantity": 2}], "total": 31.00, "note": null}'


@pytest.mark.parametrize(
    "output",
    [
        REFERENCE,
        '{"note":null,"total":31,"items":[{"quantity":2.0,"name":"lamp"}],"customer":"Zoe"}',
        f"\n  {REFERENCE}\n",
        REFERENCE.replace("Zoe", "\\u005aoe").replace("31.00", "3.1e1"),
    ],
)
def test_key_order_spelling_and_white_space_do_not_count(output: str) -> None:
    assert grade_text(JsonGrader(), output, REFERENCE).passed


@pytest.mark.parametrize(
    ("change", "explanation"),
    [
        (('"quantity": 2', '"quantity": 3'), "items[0].quantity: expected 2, got 3"),
        (('"quantity": 2', '"quantity": "2"'), 'items[0].quantity: expected 2, got "2"'),
        (("31.00", "31.01"), "total: expected 31.00, got 31.01"),
        ((', "total": 31.00', ""), "total: missing"),
        ((', "note": null', ""), "note: missing"),
        (("null}", 'null, "tip": 1}'), "tip: not in the reference"),
        (("2}]", '2}, {"name": "bow", "quantity": 1}]'), "items[1]: not in the reference"),
        (('{"name": "lamp", "quantity": 2}', ""), "items[0]: missing"),
        (("[{", "{"), None),
        (('"Zoe"', '["Zoe"]'), 'customer: expected "Zoe", got ["Zoe"]'),
        (('"Zoe"', '"Zoe", "customer": "Zoe"'), 'not JSON: the key "customer" occurs twice'),
        (("31.00", "NaN"), "not JSON: NaN is not a JSON number"),
        (("31.00", "-Infinity"), "not JSON: -Infinity is not a JSON number"),
        (("31.00", "1e999"), "not JSON: the number 1e999 is too large"),
        (("null}", "null} Done!"), "not JSON: text after the value, at line 1 column 95"),
        (("null}", "null"), None),
        ((REFERENCE, ""), "not JSON: the text is empty"),
        ((REFERENCE, "[]"), "the whole answer: expected {"),
    ],
)
def test_any_other_difference_fails_and_is_named(change: tuple[str, str], explanation: str | None) -> None:
    grade = grade_text(JsonGrader(), REFERENCE.replace(*change), REFERENCE)
    assert not grade.passed
    assert grade.explanation.startswith(explanation or "not JSON: expecting")


@pytest.mark.parametrize(
    ("output", "reference"), [("true", "1"), ("0", "false"), ('"1"', "1"), ("null", "0"), ("{}", "[]")]
)
def test_types_are_never_mixed_up(output: str, reference: str) -> None:
    assert not grade_text(JsonGrader(), output, reference).passed
    assert not grade_text(JsonGrader(), f"[{output}]", f"[{reference}]").passed


def test_the_order_of_a_list_counts() -> None:
    assert grade_text(JsonGrader(), "[2, 1]", "[1, 2]").explanation == "[0]: expected 1, got 2"


def test_a_key_that_is_not_a_word_is_quoted_in_the_path() -> None:
    assert grade_text(JsonGrader(), '{"a b": {"c": 1}}', '{"a b": {"c": 2}}').explanation.startswith('["a b"].c: ')


@pytest.mark.parametrize("depth", [101, 100_000])
def test_endless_nesting_fails_without_a_crash(depth: int) -> None:
    explanation = grade_text(JsonGrader(), "[" * depth + "]" * depth, "[]").explanation
    assert explanation == "not JSON: nested more than 100 levels deep"


def test_a_number_of_endless_digits_fails_without_a_crash() -> None:
    assert grade_text(JsonGrader(), "9" * 10_000, "1").explanation == "not JSON: a number with too many digits"


def test_a_long_value_is_cut_visibly() -> None:
    explanation = grade_text(JsonGrader(), '"' + "x" * 500 + '"', '"y"').explanation
    assert len(explanation) < 130
    assert explanation.endswith("…")


def test_a_reference_that_is_not_json_is_a_problem() -> None:
    assert JsonGrader().reference_problem(build_sample("{'a': 1}")) is not None
    assert JsonGrader().reference_problem(build_sample('{"a": 1}')) is None
