"""Calls are held against the schemas that their tools declare, and schemas against what a schema is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from luthier.data.tool_schemas import Misfit, ToolStudy, rename_types, study_tools

ZONED = {
    "type": "object",
    "properties": {
        "zone": {"type": "string", "enum": ["UTC", "CET"]},
        "hours": {"type": "integer"},
        "place": {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False},
    },
    "required": ["zone"],
}


def study(parameters: Any) -> ToolStudy:
    function = {"name": "now"} if parameters is None else {"name": "now", "parameters": parameters}
    return study_tools(json.dumps([{"type": "function", "function": function}]))["now"]


def misfits(parameters: Any, **arguments: Any) -> list[Misfit]:
    return study(parameters).find_misfits(json.dumps(arguments))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, '$ lacks the key "zone"'),
        ({"zone": "utc"}, '$.zone is "utc", which is not offered'),
        ({"zone": "UTC", "hours": "3"}, '$.hours is "3", not integer'),
        ({"zone": "UTC", "hour": 3}, '$ has the key "hour", which the schema does not describe'),
        ({"zone": "UTC", "place": {"town": "Bonn"}}, '$.place has the key "town", which the schema does not describe'),
    ],
)
def test_a_misfit_names_the_place_and_the_reason(arguments: dict[str, Any], reason: str) -> None:
    assert [misfit.reason for misfit in misfits(ZONED, **arguments)] == [reason]


def test_what_could_have_been_meant_is_offered() -> None:
    (misfit,) = misfits(ZONED, zone="UTC", hour=3)
    assert misfit.word == "hour"
    assert "hours" in misfit.known


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        {},
        {"type": "object"},
        {**ZONED, "additionalProperties": True},
        {"$ref": "#"},
        {"$ref": "https://a.example/s"},
    ],
)
def test_a_schema_that_leaves_keys_open_or_cannot_be_resolved_finds_nothing(parameters: Any) -> None:
    assert misfits(parameters, zone="UTC", other=1) == []


@pytest.mark.parametrize(
    ("parameters", "flaw"),
    [
        ({"type": "dict"}, '$.type is "dict", which is no type'),
        ({"properties": {"a": {"type": "string", "required": True}}}, "$.properties.a.required is true, not array"),
        ({"properties": {"zone": {}}, "required": ["zon"]}, 'it requires "zon", which it does not describe'),
        ({"properties": {"a": {"pattern": "("}}}, '$.properties.a.pattern is "("'),
        ("zone", 'it is "zone", not an object'),
    ],
)
def test_a_flaw_of_a_schema_is_named(parameters: Any, flaw: str) -> None:
    assert study(parameters).flaw == flaw


def test_a_nearly_endless_schema_is_no_trouble() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(150):
        deep = {"type": "object", "properties": {"a": deep}}
    value: Any = 1
    for _ in range(150):
        value = {"a": value}
    assert isinstance(study(deep).find_misfits(json.dumps(value)), list)


def test_types_are_renamed_where_a_schema_stands_and_nowhere_else() -> None:
    schema = {
        "type": "dict",
        "properties": {"type": {"type": "str", "enum": ["dict"], "default": {"type": "str"}}, "xs": {"type": "list"}},
        "items": {"anyOf": [{"type": ["float", "none"]}]},
    }
    assert rename_types(schema) == {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["dict"], "default": {"type": "str"}},
            "xs": {"type": "array"},
        },
        "items": {"anyOf": [{"type": ["number", "null"]}]},
    }
