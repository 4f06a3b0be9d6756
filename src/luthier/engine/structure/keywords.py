"""The keywords of a JSON schema that a grammar can guarantee, each with what its value must be; others are refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})

FORMATS = frozenset({"date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"})

DIALECTS = ("2020-12", "2019-09", "07")
"""What we accept means the same in all of them, or what 2020-12 demands is the stricter."""

ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator"}
    | {"$comment", "$schema", "$id"}
)
"""They say nothing about which values are right."""

SUBSCHEMA = frozenset({"items", "additionalProperties"})
SUBSCHEMA_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
SUBSCHEMA_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions"})

LARGEST_MULTIPLE = 10_000
"""Of multipleOf, counted in units of its last decimal place: the automaton has that many states."""

LARGEST_COUNT = 1_000_000
"""Of characters, items or properties."""


class Keyword(NamedTuple):
    is_right: Callable[[Any], bool]
    expected: str


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _is_type(value: Any) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in TYPES for name in names)


def _is_small_multiple(value: Any) -> bool:
    if not is_number(value) or value <= 0:
        return False
    digits = str(value).replace(".", "").lstrip("0")
    return digits.isdecimal() and int(digits) <= LARGEST_MULTIPLE


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _is_schema_list(value: Any) -> bool:
    return _is_list(value) and all(map(is_schema, value))


def _is_schema_map(value: Any) -> bool:
    return isinstance(value, dict) and all(map(is_schema, value.values()))


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


COUNT = Keyword(is_count, f"a whole number from 0 to {LARGEST_COUNT:,}")
NUMBER = Keyword(is_number, "a number")
SCHEMA = Keyword(is_schema, "a schema")
SCHEMA_LIST = Keyword(_is_schema_list, "a list of schemas that is not empty")
SCHEMA_MAP = Keyword(_is_schema_map, "an object of schemas")
TEXT = Keyword(lambda value: isinstance(value, str), "a text")

KEYWORDS: dict[str, Keyword] = {
    "type": Keyword(_is_type, f"one or more of {', '.join(sorted(TYPES))}"),
    "enum": Keyword(_is_list, "a list that is not empty"),
    "const": Keyword(lambda value: True, "anything"),
    "$ref": TEXT,
    "anyOf": SCHEMA_LIST,
    "oneOf": SCHEMA_LIST,
    "allOf": SCHEMA_LIST,
    "$defs": SCHEMA_MAP,
    "definitions": SCHEMA_MAP,
    "properties": SCHEMA_MAP,
    "patternProperties": SCHEMA_MAP,
    "additionalProperties": SCHEMA,
    "required": Keyword(_is_text_list, "a list of names"),
    "minProperties": COUNT,
    "maxProperties": COUNT,
    "items": Keyword(is_schema, "one schema; prefixItems takes a list of them"),
    "prefixItems": SCHEMA_LIST,
    "minItems": COUNT,
    "maxItems": COUNT,
    "minLength": COUNT,
    "maxLength": COUNT,
    "pattern": TEXT,
    "format": Keyword(lambda value: value in FORMATS, f"one of {', '.join(sorted(FORMATS))}"),
    "minimum": NUMBER,
    "maximum": NUMBER,
    "exclusiveMinimum": NUMBER,
    "exclusiveMaximum": NUMBER,
    "multipleOf": Keyword(_is_small_multiple, f"a positive number of a few digits, at most {LARGEST_MULTIPLE:,}"),
}
