"""The schemas within a schema go in, the first of which no finite value is right comes out; they refer to each other.

A model that enters such a schema could never finish: a node that requires another node, for example.
"""

from __future__ import annotations

from typing import Any

Nodes = dict[str, "dict[str, Any] | bool"]

SCALARS = frozenset({"null", "boolean", "integer", "number", "string"})


def find_endless(nodes: Nodes) -> str | None:
    """`nodes` are all schemas by JSON pointer. The answer is the least fixed point: a schema ends where all that it
    requires is known to end, and what only ever leads back to itself is never known to."""
    waiting = [node["$ref"] for node in nodes.values() if isinstance(node, dict) and "$ref" in node]
    waiting = list(dict.fromkeys(waiting))
    ending: set[str] = set()
    while True:
        known = len(ending)
        for target in waiting:
            if target not in ending and _can_end(nodes[target], ending):
                ending.add(target)
        if len(ending) == known:
            break
        waiting.reverse()  # a long chain of references is followed to its end in two rounds, whichever way it runs
    return next((place for place, node in nodes.items() if not _can_end(node, ending)), None)


def _can_end(node: Any, ending: set[str]) -> bool:
    if not isinstance(node, dict):
        return True
    return (
        ("$ref" not in node or node["$ref"] in ending)
        and all(_can_end(part, ending) for part in node.get("allOf", ()))
        and all(_can_any_end(node[keyword], ending) for keyword in ("anyOf", "oneOf") if keyword in node)
        and _has_ending_type(node, ending)
    )


def _can_any_end(options: list[Any], ending: set[str]) -> bool:
    return any(_can_end(option, ending) for option in options)


def _has_ending_type(node: dict[str, Any], ending: set[str]) -> bool:
    if "enum" in node or "const" in node:
        return True
    declared = node.get("type", list(SCALARS))
    types = {declared} if isinstance(declared, str) else set(declared)
    return (
        bool(types & SCALARS)
        or ("object" in types and _can_object_end(node, ending))
        or ("array" in types and _can_array_end(node, ending))
    )


def _can_object_end(node: dict[str, Any], ending: set[str]) -> bool:
    properties = node.get("properties", {})
    rest = node.get("additionalProperties", True)
    return all(_can_end(properties.get(name, rest), ending) for name in node.get("required", ()))


def _can_array_end(node: dict[str, Any], ending: set[str]) -> bool:
    first = node.get("prefixItems", [])
    least = node.get("minItems", 0)
    needed = [*first[:least], *([node.get("items", True)] if least > len(first) else [])]
    return all(_can_end(item, ending) for item in needed)
