from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from luthier.engine.structure.json_schema import check_json_schema
from luthier.errors import InvalidStructure

LOOP = {"$ref": "#"}
NULL = {"type": "null"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"next": LOOP}},
        {"type": "object", "properties": {"next": {"anyOf": [LOOP, NULL]}}, "required": ["next"]},
        {"type": "object", "properties": {"all": {"type": "array", "items": LOOP}}, "required": ["all"]},
        {"type": ["array", "null"], "items": LOOP, "minItems": 1},
        {"anyOf": [{"type": "array", "items": LOOP, "minItems": 2}, {"const": 1}]},
        {"type": "object", "required": ["other"], "additionalProperties": NULL},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/c"}, "c": NULL}},
    ],
)
def test_recursion_with_a_way_out_is_allowed(schema: dict[str, Any]) -> None:
    assert check_json_schema(schema) == schema


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        (LOOP, "#"),
        ({"type": "object", "properties": {"next": LOOP}, "required": ["next"]}, "#"),
        ({"type": "array", "items": LOOP, "minItems": 1}, "#"),
        ({"type": "array", "prefixItems": [NULL, LOOP], "minItems": 2}, "#"),
        ({"type": "object", "required": ["other"], "additionalProperties": LOOP}, "#"),
        ({"anyOf": [LOOP, {"allOf": [LOOP, NULL]}]}, "#"),
        (
            {
                "properties": {"way_in": {"$ref": "#/$defs/a"}},
                "$defs": {
                    "a": {"type": "object", "properties": {"b": {"$ref": "#/$defs/b"}}, "required": ["b"]},
                    "b": {"type": "array", "items": {"$ref": "#/$defs/a"}, "minItems": 1},
                },
            },
            "#/properties/way_in",
        ),
    ],
)
def test_recursion_that_only_leads_back_is_refused_at_the_place_where_it_is_entered(
    schema: dict[str, Any], place: str
) -> None:
    with pytest.raises(InvalidStructure, match=f"at {place} never ends"):
        check_json_schema(schema)


@pytest.mark.parametrize("step", [1, -1])
def test_a_long_chain_of_references_is_followed_to_its_end_whichever_way_it_runs(step: int) -> None:
    names = [f"d{i}" for i in range(2_000)][::step]
    schema: dict[str, Any] = {name: {"$ref": f"#/$defs/{later}"} for name, later in pairwise(names)}
    defs = dict(sorted({**schema, names[-1]: NULL}.items()))
    assert check_json_schema({"$ref": f"#/$defs/{names[0]}", "$defs": defs})
