"""The fields of JSON answers in, the JSON Schema that nearly all of them keep out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.data.answers.oddities import (
    HABIT_FRACTION,
    find_misspelt_keys,
    find_odd_types,
    find_odd_values,
    simplify_type,
)
from luthier.data.answers.sightings import count_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.answers.fields import Field

MOST_CHOICES = 20
ROWS_EACH = 5
"""Rows that nearly all of the choices have, before the texts of a field count as an enumeration."""

FEWEST_ROWS = 20


def infer_schema(field: Field) -> dict[str, Any]:
    """Of the values at one path. A key is required when at least 95 percent of the objects have it; slips do not count.

    `{}` for a path at which nothing was seen.
    """
    types = list(_list_types(field))
    if not types:
        return {}
    schema: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    if "object" in types:
        schema.update(_describe_object(field))
    if "array" in types and field.items is not None:
        schema["items"] = infer_schema(field.items)
    if set(types) <= {"string", "null"} and (choices := _list_choices(field)):
        schema["enum"] = [*choices, *([None] if "null" in types else [])]
    return schema


def _list_types(field: Field) -> Iterator[str]:
    odd = {found.name for found in find_odd_types(field)}
    types = field.count_types()
    for name in types:
        is_covered = name == "integer" and "number" in types
        if simplify_type(name) not in odd and not is_covered:
            yield name


def _describe_object(field: Field) -> dict[str, Any]:
    """Nothing where the keys are data themselves, or too many for a habit."""
    misspelt = find_misspelt_keys(field)
    properties = {key: infer_schema(child) for key, child in field.children.items() if key not in misspelt}
    if not properties:
        return {}
    required = [key for key in properties if _is_required(field, key, misspelt)]
    described: dict[str, Any] = {"properties": properties, "required": required}
    if field.key_sets.is_open and len(required) == len(properties):
        described["additionalProperties"] = False
    return described


def _is_required(field: Field, key: str, misspelt: dict[str, str]) -> bool:
    if not field.key_sets.is_open:
        return False
    lacking = [
        seen
        for keys, seen in field.key_sets.merge_variants().items()
        if key not in keys and key not in {misspelt.get(name) for name in keys}
    ]
    return count_rows(lacking) <= (1 - HABIT_FRACTION) * field.count_types()["object"]


def _list_choices(field: Field) -> list[str]:
    """Most frequent first; none where the texts are too many, too few or too rare to be an enumeration."""
    values = dict(field.values or {})
    for odd in find_odd_values(field):
        del values[odd.value]
    count = field.count_types().get("string", 0)
    frequent = count_rows(seen for seen in values.values() if seen.count >= ROWS_EACH)
    if count < FEWEST_ROWS or len(values) > MOST_CHOICES or frequent < HABIT_FRACTION * count:
        return []
    return sorted(values, key=lambda value: (-values[value].count, value))
