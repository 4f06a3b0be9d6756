from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from luthier.errors import FileMissing, InvalidConfig
from luthier.evaluation.graders.schema.keywords import Budget
from luthier.evaluation.graders.schema.reading import LARGEST_SCHEMA, build_validator, read_schema

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ([], "not an object"),
        ({"type": "objekt"}, r"\$\.type: 'objekt' is not valid"),
        ({"properties": {"a": {"minLength": -1}}}, r"\$\.properties\.a\.minLength"),
        ({"$ref": "https://example.com/schema"}, "outside of itself"),
        ({"$ref": "other.json#/a"}, "outside of itself"),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "outside of itself"),
        ({"items": {"$ref": "#/$defs/none"}}, "where nothing is"),
        ({"pattern": "(?=a)"}, "pattern"),
        ({"patternProperties": {r"(a)\1": {}}}, "pattern"),
        ({"$schema": "https://json-schema.org/draft/2033-01/schema"}, "dialect"),
        ({"items": {"$schema": "http://json-schema.org/draft-07/schema#"}}, "its own"),
        ({"$defs": {"a": {"$id": "https://example.com/a"}}}, "its own"),
        ({"patternProperties": {"a": {}}, "unevaluatedProperties": False}, "both"),
    ],
)
def test_what_cannot_be_checked_safely_is_refused(schema: Any, said: str) -> None:
    with pytest.raises(InvalidConfig, match=said):
        build_validator(schema, Budget())


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {}}, "$ref": "#/definitions/a"},
        {"$id": "https://example.com/order", "$defs": {"a": {"$anchor": "here"}}, "$ref": "#here"},
        {"const": {"$ref": "https://example.com"}, "properties": {"$ref": {"type": "string"}, "pattern": {}}},
    ],
)
def test_everything_else_of_the_standard_is_taken(schema: Any) -> None:
    assert build_validator(schema, Budget()) is not None


def test_the_dialect_that_a_schema_names_is_used() -> None:
    old, new = ({"items": [{"type": "string"}]}, {"prefixItems": [{"type": "string"}]})
    draft_7 = build_validator({"$schema": "http://json-schema.org/draft-07/schema#", **old}, Budget())
    assert not draft_7.is_valid([1])
    assert not build_validator(new, Budget()).is_valid([1])


def test_a_file_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_text('{"type": "object", "type": "string"}')
    with pytest.raises(InvalidConfig, match="occurs twice"):
        read_schema(path)
    path.write_text(json.dumps({"description": "x" * LARGEST_SCHEMA}))
    with pytest.raises(InvalidConfig, match="larger than 256 kB"):
        read_schema(path)
    with pytest.raises(FileMissing):
        read_schema(tmp_path)
