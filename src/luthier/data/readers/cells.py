"""The cells of a table's record become the fields of a row: JSON that stands in them as text is parsed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from luthier.data.jsonl import Line, LineParser

if TYPE_CHECKING:
    from collections.abc import Callable


class CellReader:
    """For one file; what is wrong with JSON inside a cell becomes a flaw of the whole line."""

    def __init__(self) -> None:
        self._parser = LineParser()

    def read(self, number: int, cells: dict[str, Any]) -> Line:
        fields = dict(cells)
        line = Line(number, fields)
        for name, is_expected in STRUCTURES.items():
            cell = fields.get(name)
            if not isinstance(cell, str) or not cell.lstrip().startswith(("[", "{")):
                continue
            parsed = self._parser.parse_text(number, cell)
            if is_expected(parsed.value):
                fields[name] = parsed.value
                line = _take_flaws(line, parsed)
        return line


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_message(value: Any) -> bool:
    """Rather than JSON that somebody asked for or answered with."""
    return isinstance(value, dict) and ("role" in value or ("from" in value and "value" in value))


def _is_message_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(_is_message(item) for item in value)


def _is_answer(value: Any) -> bool:
    return _is_message(value) or _is_message_list(value)


STRUCTURES: dict[str, Callable[[Any], bool]] = {
    "messages": _is_list,
    "conversations": _is_list,
    "conversation": _is_list,
    "dialogue": _is_list,
    "tools": _is_list,
    "functions": _is_list,
    "history": _is_list,
    "metadata": lambda value: isinstance(value, dict),
    "input": lambda value: isinstance(value, dict) and "messages" in value,
    "preferred_output": _is_message_list,
    "non_preferred_output": _is_message_list,
    "prompt": _is_message_list,
    "completion": _is_message_list,
    "chosen": _is_answer,
    "rejected": _is_answer,
}
"""Columns that may hold JSON as text, and what it has to be there; any other text stays text."""


def _take_flaws(line: Line, cell: Line) -> Line:
    return replace(
        line,
        has_lone_surrogate=line.has_lone_surrogate or cell.has_lone_surrogate,
        repeated_keys=(*line.repeated_keys, *cell.repeated_keys),
        bad_numbers=(*line.bad_numbers, *cell.bad_numbers),
    )
