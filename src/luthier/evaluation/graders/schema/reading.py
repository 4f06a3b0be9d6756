"""A JSON schema as a file holds it becomes a checker that no answer can keep busy for long, or an error says why not.

A schema may be somebody else's: nothing is fetched for it, its patterns are RE2's, and its work has an end.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft7Validator, Draft201909Validator, Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from luthier.errors import FileMissing, InvalidConfig
from luthier.evaluation.graders.patterns import compile_pattern
from luthier.evaluation.graders.schema.formats import build_format_checker
from luthier.evaluation.graders.schema.keywords import Budget, limit_validator
from luthier.evaluation.graders.strict_json import NotStrictJson, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referencing._core import Resolver

LARGEST_SCHEMA = 256 * 1024  # bytes

DATA_KEYS = frozenset({"const", "default", "enum", "examples"})
"""What stands under these is no schema."""

REFERENCE_KEYS = ("$ref", "$dynamicRef", "$recursiveRef")

DIALECTS: dict[str, Any] = {
    "http://json-schema.org/draft-07/schema": Draft7Validator,
    "https://json-schema.org/draft/2019-09/schema": Draft201909Validator,
    "https://json-schema.org/draft/2020-12/schema": Draft202012Validator,
}
NEWEST = "https://json-schema.org/draft/2020-12/schema"


def read_schema(path: Path) -> Any:
    """Raises FileMissing, and InvalidConfig for a file that is not JSON."""
    try:
        if path.stat().st_size > LARGEST_SCHEMA:
            raise InvalidConfig(f"{path}: larger than {LARGEST_SCHEMA // 1024} kB", hint="make the schema smaller")
        return parse_json(path.read_text("utf-8"))
    except OSError as error:
        raise FileMissing(f"{path}: {(error.strerror or 'cannot be read').lower()}", hint="check the path") from error
    except (NotStrictJson, UnicodeDecodeError) as error:
        raise InvalidConfig(f"{path}: not JSON: {error}", hint="the file must hold one JSON schema") from error


def build_validator(schema: Any, budget: Budget) -> Any:
    """Raises InvalidConfig for a schema that is none, or that cannot be checked safely."""
    if not isinstance(schema, dict | bool):
        raise InvalidConfig("the schema is not an object", hint='give one such as {"type": "object"}')
    name = find_dialect(schema)
    dialect = DIALECTS[name]
    # A dialect named inside would bring back that dialect's own checks, without limits.
    plain = {key: value for key, value in schema.items() if key != "$schema"} if isinstance(schema, dict) else schema
    check_keywords(plain)
    try:
        dialect.check_schema(plain, format_checker=None)
    except SchemaError as error:
        raise InvalidConfig(f"the schema, {error.json_path}: {error.message[:200]}", hint="correct it there") from error
    check_references(plain, name)
    limited = limit_validator(dialect, budget)
    return limited(plain, registry=Registry(), format_checker=build_format_checker())


def find_dialect(schema: Any) -> str:
    named = str(schema.get("$schema", NEWEST) if isinstance(schema, dict) else NEWEST).rstrip("#")
    if named not in DIALECTS:
        raise InvalidConfig(f"the schema's dialect {named[:100]!r} is not known", hint=f"known: {', '.join(DIALECTS)}")
    return named


def check_keywords(schema: Any) -> None:
    """Raises InvalidConfig."""
    keys: set[str] = set()
    for node in list_nodes(schema):
        keys |= node.keys()
        if node is not schema and any(isinstance(node.get(key), str) for key in ("$id", "$schema")):
            raise InvalidConfig(
                "the schema holds another with its own $id or $schema", hint="put it under $defs without"
            )
        patterns = node.get("patternProperties")
        for pattern in [node.get("pattern"), *(patterns if isinstance(patterns, dict) else ())]:
            if isinstance(pattern, str):
                compile_pattern(pattern)
    if {"unevaluatedProperties", "patternProperties"} <= keys:
        raise InvalidConfig(
            "the schema has both unevaluatedProperties and patternProperties", hint="use additionalProperties instead"
        )


def check_references(schema: Any, dialect: str) -> None:
    """Raises InvalidConfig for one that leads out of the schema, or nowhere."""
    resource = specification_with(dialect).create_resource(schema)
    resolver: Resolver[Any] = Registry().resolver_with_root(resource)
    for node in list_nodes(schema):
        for key in REFERENCE_KEYS:
            reference = node.get(key)
            if not isinstance(reference, str):
                continue
            if not reference.startswith("#"):
                hint = "nothing is fetched: copy what it refers to into $defs"
                raise InvalidConfig(f"the schema refers to {reference[:200]!r}, outside of itself", hint=hint)
            try:
                resolver.lookup(reference)
            except Unresolvable as error:
                raise InvalidConfig(f"the schema refers to {reference[:200]!r}, where nothing is") from error


def list_nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object of the schema, but for what is only data in it."""
    left = [schema]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left += [value for key, value in node.items() if key not in DATA_KEYS]
        elif isinstance(node, list):
            left += node
