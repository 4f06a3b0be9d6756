"""The text of a JSON schema goes in, a schema that a grammar can guarantee comes out, or what is wrong with it where.

The grammar library passes over keywords that it does not know; here each is refused by name, before the first token.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from luthier.engine.structure.endings import find_endless
from luthier.engine.structure.keywords import (
    ANNOTATIONS,
    DIALECTS,
    KEYWORDS,
    SUBSCHEMA,
    SUBSCHEMA_LISTS,
    SUBSCHEMA_MAPS,
)
from luthier.errors import InvalidStructure

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_SCHEMA = 256 * 1024
"""Characters; the largest that was measured to compile within two seconds is about twice as long."""

DEEPEST_SCHEMA = 32
"""Schemas within schemas."""

MOST_SCHEMAS = 10_000
MOST_OPTIONAL = 500
"""Optional properties of one object: each is a way on that the parser follows at every token."""

MOST_ENUM = 10_000

DIALECT = re.compile(r"^https?://json-schema\.org/draft[-/]|/schema#?$")

Node = dict[str, Any] | bool


def read_json_schema(text: str) -> dict[str, Any]:
    """Raises InvalidStructure. A bare `true` comes out as the empty schema."""
    if len(text) > LONGEST_SCHEMA:
        raise InvalidStructure(
            f"the schema has {len(text):,} characters, more than {LONGEST_SCHEMA:,}", hint="make it smaller"
        )
    schema = _parse(text)
    return check_json_schema({} if schema is True else schema)


def check_json_schema(schema: Any) -> dict[str, Any]:
    """The schema as it was given, without what only tools read. Raises InvalidStructure."""
    if not isinstance(schema, dict):
        raise InvalidStructure("the schema is not an object", hint='give one such as {"type": "object"}')
    _check_dialect(schema)
    nodes = dict(_walk(schema))
    for place, node in nodes.items():
        if isinstance(node, dict):
            _check_node(node, place, nodes)
    endless = find_endless(nodes)
    if endless is not None:
        raise InvalidStructure(
            f"the schema at {endless} never ends: it requires itself again",
            hint="make what leads back to it optional, or allow null or an empty list there",
        )
    return {key: value for key, value in schema.items() if key not in ("$schema", "$id")}


def _parse(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_build_object, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise InvalidStructure(f"the schema is not JSON: {error}", hint="check its brackets and commas") from error


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return built


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _check_dialect(schema: dict[str, Any]) -> None:
    dialect = schema.get("$schema", "2020-12")
    if not isinstance(dialect, str) or DIALECT.sub("", dialect) not in DIALECTS:
        raise InvalidStructure(f"the schema is of a dialect that is not supported: {dialect!r}", hint="use 2020-12")


def _walk(root: dict[str, Any]) -> Iterator[tuple[str, Node]]:
    """Every schema by its JSON pointer, the root `#` first."""
    level: list[tuple[str, Node]] = [("#", root)]
    count = 0
    for _ in range(DEEPEST_SCHEMA):
        yield from level
        count += len(level)
        if count > MOST_SCHEMAS:
            raise InvalidStructure(f"the schema holds more than {MOST_SCHEMAS:,} schemas", hint="make it smaller")
        level = [found for place, node in level if isinstance(node, dict) for found in _find_children(node, place)]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> InvalidStructure:
    return InvalidStructure(f"the schema is nested more than {DEEPEST_SCHEMA} levels deep", hint="make it flatter")


def _find_children(node: dict[str, Any], place: str) -> Iterator[tuple[str, Node]]:
    for keyword, value in node.items():
        if keyword not in SUBSCHEMA | SUBSCHEMA_LISTS | SUBSCHEMA_MAPS:
            continue
        _check_value(keyword, value, place)
        if keyword in SUBSCHEMA:
            yield f"{place}/{keyword}", value
        elif keyword in SUBSCHEMA_LISTS:
            for index, child in enumerate(value):
                yield f"{place}/{keyword}/{index}", child
        else:
            for name, child in value.items():
                yield f"{place}/{keyword}/{escape_pointer(name)}", child


def escape_pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _check_value(keyword: str, value: Any, place: str) -> None:
    rule = KEYWORDS[keyword]
    if not rule.is_right(value):
        shown = json.dumps(value, ensure_ascii=False)
        raise InvalidStructure(
            f"the schema at {place} has the {keyword} {shown if len(shown) < 60 else shown[:57] + '...'}",
            hint=f"{keyword} takes {rule.expected}",
        )


def _check_node(node: dict[str, Any], place: str, nodes: dict[str, Node]) -> None:
    for keyword, value in node.items():
        if keyword in KEYWORDS:
            _check_value(keyword, value, place)
        elif keyword not in ANNOTATIONS or (keyword in ("$id", "$schema") and place != "#"):
            raise InvalidStructure(
                f"the schema at {place} uses {keyword!r}, which a grammar cannot guarantee", hint=_suggest(keyword)
            )
    target = node.get("$ref", "#")
    if target not in nodes:
        raise InvalidStructure(
            f"the schema at {place} refers to {target!r}, which is not there",
            hint="refer to a schema in the same text, such as #/$defs/name",
        )
    _check_sizes(node, place)


def _check_sizes(node: dict[str, Any], place: str) -> None:
    required = set(node.get("required", ()))
    optional = len(node.get("properties", {}).keys() - required)
    if optional > MOST_OPTIONAL:
        raise InvalidStructure(
            f"the schema at {place} has {optional:,} optional properties, more than {MOST_OPTIONAL}",
            hint="make properties required, or move some into objects of their own",
        )
    if len(node.get("enum", ())) > MOST_ENUM:
        raise InvalidStructure(
            f"the schema at {place} lists {len(node['enum']):,} values, more than {MOST_ENUM:,}", hint="list fewer"
        )
    if node.get("minProperties", 0) > max(1, len(required)):
        raise InvalidStructure(
            f"the schema at {place} demands {node['minProperties']} properties without naming them",
            hint="list them as required: a grammar cannot tell that free names differ",
        )


def _suggest(keyword: str) -> str:
    near = get_close_matches(keyword, KEYWORDS, n=1, cutoff=0.75)
    return f"did you mean {near[0]}?" if near else "leave it out, and check the finished answer instead"
