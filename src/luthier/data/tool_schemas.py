"""A list of tools becomes what can be known about it: flaws of each schema, and how given arguments fail to fit.

Studied once for each list, since the rows of a file mostly declare the same tools.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.data.formats.openai_chat import is_tool
from luthier.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

PYTHON_TYPES = {
    "dict": "object",
    "str": "string",
    "text": "string",
    "int": "integer",
    "float": "number",
    "double": "number",
    "bool": "boolean",
    "list": "array",
    "tuple": "array",
    "none": "null",
}
"""Names of types that are often written where JSON Schema has its own."""

INNER_SCHEMAS = ("items", "additionalProperties", "not", "contains", "if", "then", "else", "propertyNames")
SCHEMA_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
SCHEMA_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")

LONGEST_VALUE = 40
"""Characters of a value that a reason shows."""


class Misfit(NamedTuple):
    """`word` is what was written, and `known` what could have been meant; "" and () when that is not the question."""

    reason: str
    word: str = ""
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class ToolStudy:
    """`flaw` says what is wrong with the schema; "" when it can be used."""

    name: str
    parameters: dict[str, Any]
    validator: Draft202012Validator | None
    flaw: str = ""
    hint: str = ""

    def find_misfits(self, arguments: str) -> list[Misfit]:
        """None for arguments that fit or are no JSON, and where the schema asks for what cannot be decided here."""
        from referencing.exceptions import Unresolvable

        if self.validator is None:
            return []
        try:
            value = json.loads(arguments)
            errors = sorted(self.validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
        except (ValueError, re.error, RecursionError, Unresolvable):
            return []
        misfits = [misfit for error in errors for misfit in _explain(error)]
        return misfits + (self._find_unknown_keys(value) if isinstance(value, dict) else [])

    def _find_unknown_keys(self, value: dict[str, Any]) -> list[Misfit]:
        """JSON Schema lets unknown keys pass unless told otherwise; a function that does not know them does not."""
        properties = self.parameters.get("properties")
        is_closed = isinstance(properties, dict) and properties and not (self.parameters.keys() & OPENING_KEYS)
        unknown = value.keys() - properties.keys() if is_closed and isinstance(properties, dict) else ()
        return [_report_unknown("$", key, properties or {}) for key in sorted(unknown)]


OPENING_KEYS = {"additionalProperties", "patternProperties", "unevaluatedProperties", "anyOf", "allOf", "oneOf", "$ref"}
"""Keys of a schema by which it speaks of further properties itself."""


@lru_cache(maxsize=256)
def study_tools(tools: str) -> dict[str, ToolStudy]:
    """By name, from the JSON text of a list; the first counts where two have the same name."""
    studies: dict[str, ToolStudy] = {}
    for tool in json.loads(tools):
        if is_tool(tool):
            name = tool["function"]["name"]
            studies.setdefault(name, _study_tool(name, tool["function"].get("parameters")))
    return studies


def rename_types(schema: Any) -> Any:
    """A copy with JSON Schema's names of types; examples, defaults and constants stay as they are."""
    if not isinstance(schema, dict):
        return schema
    copy = {**schema}
    type_ = schema.get("type")
    if isinstance(type_, str):
        copy["type"] = PYTHON_TYPES.get(type_.lower(), type_)
    elif isinstance(type_, list):
        copy["type"] = [PYTHON_TYPES.get(name.lower(), name) if isinstance(name, str) else name for name in type_]
    for key in INNER_SCHEMAS:
        if key in schema:
            copy[key] = rename_types(schema[key])
    for key in SCHEMA_LISTS:
        if isinstance(schema.get(key), list):
            copy[key] = [rename_types(item) for item in schema[key]]
    for key in SCHEMA_MAPS:
        if isinstance(schema.get(key), dict):
            copy[key] = {name: rename_types(item) for name, item in schema[key].items()}
    return copy


def _study_tool(name: str, parameters: Any) -> ToolStudy:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from referencing import Registry

    if parameters is None:
        return ToolStudy(name, {}, None)
    if not isinstance(parameters, dict):
        return ToolStudy(name, {}, None, flaw=f"it is {_show(parameters)}, not an object")
    try:
        Draft202012Validator.check_schema(parameters)
    except SchemaError as error:
        flaw, hint = _explain_schema_error(error)
        return ToolStudy(name, parameters, None, flaw, hint)
    except RecursionError:
        return ToolStudy(name, parameters, None)
    flaw, hint = _find_missing_property(parameters)
    # An empty registry, because the default one fetches whatever address a schema refers to.
    return ToolStudy(name, parameters, Draft202012Validator(parameters, registry=Registry()), flaw, hint)


def _explain_schema_error(error: Any) -> tuple[str, str]:
    value, path = error.instance, error.json_path
    if isinstance(value, str) and error.absolute_path and error.absolute_path[-1] == "type":
        names = ("array", "boolean", "integer", "null", "number", "object", "string")
        meant = PYTHON_TYPES.get(value.lower(), value)
        return f"{path} is {_show(value)}, which is no type", did_you_mean(meant, names)
    expected = error.validator_value if error.validator == "type" else ""
    return f"{path} is {_show(value)}" + (f", not {_join(expected)}" if expected else ""), ""


def _find_missing_property(schema: dict[str, Any]) -> tuple[str, str]:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list) or schema.keys() & OPENING_KEYS:
        return "", ""
    missing = [name for name in required if name not in properties]
    if not missing:
        return "", ""
    return f"it requires {_show(missing[0])}, which it does not describe", did_you_mean(missing[0], properties)


def _explain(error: ValidationError) -> Iterator[Misfit]:
    path, value = error.json_path, error.instance
    rule: Any = error.validator_value
    if error.validator == "required" and isinstance(value, dict):
        for key in rule:
            if key not in value:
                yield Misfit(f"{path} lacks the key {_show(key)}")
    elif error.validator == "additionalProperties" and isinstance(value, dict):
        properties = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        for key in value:
            if key not in properties:
                yield _report_unknown(path, key, properties)
    elif error.validator == "type":
        yield Misfit(f"{path} is {_show(value)}, not {_join(rule)}")
    elif error.validator == "enum" and isinstance(rule, list):
        known = tuple(str(item) for item in rule)
        yield Misfit(f"{path} is {_show(value)}, which is not offered", str(value), known)
    else:
        yield Misfit(f"{path} is {_show(value)}, against {error.validator} {_show(rule)}")


def _report_unknown(path: str, key: str, properties: dict[str, Any]) -> Misfit:
    return Misfit(f"{path} has the key {_show(key)}, which the schema does not describe", key, tuple(properties))


def _join(types: Any) -> str:
    return " or ".join(map(str, types)) if isinstance(types, list) else str(types)


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."
