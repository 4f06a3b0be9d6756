"""The schema says what nearly all answers keep, and never more than that."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.data.answers.fields import AnswerFields
from luthier.data.answers.parsing import parse_answer
from luthier.data.answers.schema import infer_schema

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("abAB_1", max_size=4), inner, max_size=5),
    max_leaves=8,
)


def infer(*answers: Any) -> dict[str, Any]:
    fields = AnswerFields()
    for line, answer in enumerate(answers, 1):
        fields.add(parse_answer(json.dumps([answer]))[0], line, "")
    return infer_schema(fields.root)


@settings(deadline=None)
@given(JSON)
def test_a_value_keeps_the_schema_of_a_file_of_that_value_alone(value: Any) -> None:
    jsonschema.validate(value, infer(value))


@settings(max_examples=40, deadline=None)
@given(JSON, st.integers(20, 60))
def test_a_value_keeps_the_schema_of_a_file_that_repeats_it(value: Any, count: int) -> None:
    jsonschema.validate(value, infer(*[value] * count))


@settings(max_examples=40, deadline=None)
@given(st.lists(JSON, min_size=1, max_size=8))
def test_the_values_of_a_small_file_all_keep_its_schema(values: list[Any]) -> None:
    schema = infer(*values)
    jsonschema.Draft202012Validator.check_schema(schema)
    for value in values:
        jsonschema.validate(value, schema)


def test_keys_that_all_have_are_required_and_others_are_closed_out() -> None:
    assert infer({"a": 1, "b": "x"}, {"b": "y", "a": 2}) == {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }


def test_a_key_that_many_leave_out_is_optional() -> None:
    schema = infer(*[{"a": 1, "b": 1}] * 9, {"a": 1})
    assert schema["required"] == ["a"]
    assert "additionalProperties" not in schema


def test_slips_are_left_out() -> None:
    good = {"total": 1, "label": "refund"}
    slips = [{"totl": 1, "label": "refund"}, {"total": "1", "label": "refund"}, {"total": 1, "label": "refnud"}]
    schema = infer(*[good] * 100, *slips)
    assert schema["required"] == ["total", "label"]
    assert schema["properties"] == {"total": {"type": "integer"}, "label": {"type": "string", "enum": ["refund"]}}


def test_null_joins_the_type_and_the_choices() -> None:
    schema = infer(*[{"c": "USD"}] * 20, *[{"c": "EUR"}] * 30, *[{"c": None}] * 10)
    assert schema["properties"]["c"] == {"type": ["string", "null"], "enum": ["EUR", "USD", None]}


def test_texts_that_are_rare_or_many_are_no_choices() -> None:
    assert infer(*({"c": f"name {number % 10}"} for number in range(30)))["properties"]["c"] == {"type": "string"}
    assert infer(*({"c": f"name {number % 30}"} for number in range(900)))["properties"]["c"] == {"type": "string"}


def test_numbers_with_and_without_fraction_are_numbers() -> None:
    assert infer([1, 2.5], [3])["items"] == {"type": "number"}


def test_a_map_has_no_properties() -> None:
    assert infer(*({f"k{number}": 1} for number in range(400))) == {"type": "object"}
