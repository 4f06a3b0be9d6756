from __future__ import annotations

import json
from typing import Any

import pytest

from luthier.engine.structure.json_schema import DEEPEST_SCHEMA, LONGEST_SCHEMA, MOST_OPTIONAL, read_json_schema
from luthier.errors import InvalidStructure


def refuse(schema: Any) -> InvalidStructure:
    with pytest.raises(InvalidStructure) as caught:
        read_json_schema(schema if isinstance(schema, str) else json.dumps(schema))
    return caught.value


def nest(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels - 1):
        schema = {"type": "object", "properties": {"inner": schema}}
    return schema


def test_a_schema_of_supported_keywords_comes_out_as_it_went_in() -> None:
    schema = {
        "type": "object",
        "title": "an order",
        "properties": {"lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "minItems": 1}},
        "required": ["lines"],
        "additionalProperties": False,
        "$defs": {"line": {"anyOf": [{"type": "integer", "multipleOf": 0.5}, {"const": None}]}},
    }
    assert read_json_schema(json.dumps(schema)) == schema


def test_what_names_the_dialect_is_left_out() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://a.example/order", "type": "null"}
    assert read_json_schema(json.dumps(schema)) == {"type": "null"}


def test_the_schema_that_takes_everything_is_read() -> None:
    assert read_json_schema("true") == {}


@pytest.mark.parametrize(
    "keyword",
    [
        "not",
        "if",
        "contains",
        "uniqueItems",
        "propertyNames",
        "dependentRequired",
        "unevaluatedProperties",
        "x-guidance",
    ],
)
def test_a_keyword_that_no_grammar_guarantees_is_refused_by_name_and_place(keyword: str) -> None:
    error = refuse({"type": "object", "properties": {"a/b": {keyword: {}}}})
    assert repr(keyword) in error.message
    assert "#/properties/a~1b" in error.message


def test_a_misspelt_keyword_is_refused_with_the_right_one() -> None:
    assert refuse({"type": "object", "requried": ["a"]}).hint == "did you mean required?"


def test_a_property_may_be_called_like_any_keyword() -> None:
    schema = {"type": "object", "properties": {"not": {"type": "string"}, "required": {"type": "null"}}}
    assert read_json_schema(json.dumps(schema)) == schema


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("type", "text"),
        ("type", []),
        ("enum", []),
        ("anyOf", {}),
        ("items", [{"type": "string"}]),
        ("properties", {"a": 1}),
        ("required", "a"),
        ("minLength", "3"),
        ("maxItems", -1),
        ("minItems", True),
        ("maxLength", 10**9),
        ("pattern", 3),
        ("format", "regex"),
        ("minimum", "0"),
        ("multipleOf", 0),
        ("multipleOf", 999_999),
        ("multipleOf", 1e-9),
    ],
)
def test_a_value_that_a_keyword_does_not_take_is_refused_with_what_it_takes(keyword: str, value: object) -> None:
    error = refuse({keyword: value})
    assert keyword in error.message
    assert error.hint.startswith(f"{keyword} takes ")


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "[1", '{"minimum": NaN}', '{"type": "null", "type": "string"}'])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    assert "not JSON" in refuse(text).message


@pytest.mark.parametrize("text", ["3", "[]", "false", '"string"', "null"])
def test_a_schema_that_is_no_object_is_refused(text: str) -> None:
    assert refuse(text).message == "the schema is not an object"


def test_a_dialect_with_other_meanings_is_refused() -> None:
    assert "dialect" in refuse({"$schema": "http://json-schema.org/draft-04/schema#"}).message


@pytest.mark.parametrize("target", ["#/$defs/missing", "https://a.example/schema", "other.json#/$defs/a", "#anchor"])
def test_a_reference_to_what_is_not_there_is_refused(target: str) -> None:
    assert target in refuse({"items": {"$ref": target}, "$defs": {"a": {}}}).message


def test_nesting_is_allowed_down_to_the_limit() -> None:
    assert read_json_schema(json.dumps(nest(DEEPEST_SCHEMA)))
    assert "levels deep" in refuse(nest(DEEPEST_SCHEMA + 1)).message


def test_brackets_without_end_are_too_deep_and_no_crash() -> None:
    assert "levels deep" in refuse("[" * 100_000).message


def test_optional_properties_are_allowed_up_to_the_limit_and_required_ones_beyond_it() -> None:
    properties: dict[str, Any] = {f"p{i}": {} for i in range(MOST_OPTIONAL + 1)}
    assert "optional properties" in refuse({"properties": properties}).message
    assert read_json_schema(json.dumps({"properties": properties, "required": ["p0"]}))


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ({"enum": list(range(10_001))}, "values"),
        ({"prefixItems": [{}] * 10_000}, "schemas"),
        ({"description": "x" * LONGEST_SCHEMA}, "characters"),
        ({"type": "object", "minProperties": 2}, "without naming them"),
    ],
)
def test_a_schema_that_is_too_big_is_refused(schema: dict[str, Any], word: str) -> None:
    assert word in refuse(schema).message
