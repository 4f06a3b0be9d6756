"""JSON becomes indented pieces, marked wherever it differs from another value at the same place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from luthier.evaluation.display.pieces import Mark, Piece
from luthier.evaluation.graders.json_equality import find_difference
from luthier.evaluation.graders.json_values import show_scalar
from luthier.evaluation.graders.strict_json import NotStrictJson, children_of, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Leaf = Callable[[Any, Any, int], list[Piece]]

WIDEST_LINE = 40  # characters, what a third of the page holds; a flat value that fits stays on one line


class Absent:
    """Stands where only one of two values has something: null is a value too."""


ABSENT = Absent()


def read_json(text: str) -> Any:
    """None for what is not a JSON object or list: a lone number or word is easier to read as text."""
    try:
        value = parse_json(text)
    except NotStrictJson:
        return None
    return value if isinstance(value, dict | list) else None


def lay_out_answer(value: Any, wanted: Any) -> list[Piece]:
    """The answer, its keys in the order of the reference; what differs is `wrong`, what lacks is `missing`."""
    return lay_out(wanted, value, show_against_reference)


def lay_out_change(before: Any, after: Any) -> list[Piece]:
    """Both values in one: what went is `removed`, what came is `added`."""
    return lay_out(before, after, show_change)


def show_against_reference(wanted: Any, value: Any, depth: int) -> list[Piece]:
    if value is ABSENT:
        return [Piece("missing", "missing")]
    return [Piece(write_json(value, depth), "wrong")]


def show_change(before: Any, after: Any, depth: int) -> list[Piece]:
    sides: list[tuple[Any, Mark]] = [(before, "removed"), (after, "added")]
    found = [Piece(write_json(value, depth), mark) for value, mark in sides if value is not ABSENT]
    return found if len(found) == 1 else [found[0], Piece(" "), found[1]]


def lay_out(before: Any, after: Any, differ: Leaf, depth: int = 0) -> list[Piece]:
    if isinstance(before, dict) and isinstance(after, dict):
        entries, brackets = lay_out_object(before, after, differ, depth + 1), "{}"
    elif isinstance(before, list) and isinstance(after, list):
        entries, brackets = lay_out_list(before, after, differ, depth + 1), "[]"
    elif before is ABSENT or after is ABSENT or find_difference(after, before) is not None:
        return differ(before, after, depth)
    else:
        return [Piece(show_scalar(after))]
    children = [*children_of(before), *children_of(after)]
    is_flat = depth > 0 and not any(isinstance(child, dict | list) for child in children)
    width = 2 * depth + 2 * len(entries) + sum(len(piece.text) for entry in entries for piece in entry)
    start, between, end = ("", ", ", "") if not entries or (is_flat and width <= WIDEST_LINE) else indents(depth)
    pieces = [Piece(brackets[0] + start)]
    for index, entry in enumerate(entries):
        pieces += [Piece(between), *entry] if index else entry
    return [*pieces, Piece(end + brackets[1])]


def lay_out_object(before: dict[str, Any], after: dict[str, Any], differ: Leaf, depth: int) -> list[list[Piece]]:
    entries = []
    for key in {**before, **after}:
        old, new = before.get(key, ABSENT), after.get(key, ABSENT)
        entry = lay_out(old, new, differ, depth)
        mark = entry[0].mark if ABSENT in (old, new) else ""
        entries.append([Piece(json.dumps(key, ensure_ascii=False) + ": ", mark), *entry])
    return entries


def lay_out_list(before: Sequence[Any], after: Sequence[Any], differ: Leaf, depth: int) -> list[list[Piece]]:
    longest = max(len(before), len(after))
    olds, news = ([*values, *[ABSENT] * (longest - len(values))] for values in (before, after))
    return [lay_out(old, new, differ, depth) for old, new in zip(olds, news, strict=True)]


def write_json(value: Any, depth: int) -> str:
    """Compared with itself nothing differs, so that only the layout is left."""
    return "".join(piece.text for piece in lay_out(value, value, show_change, depth))


def indents(depth: int) -> tuple[str, str, str]:
    inner, outer = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    return inner, "," + inner, outer
