"""JSON that was put into a text, such as a list of tools in a cell of a table, becomes the value it stands for."""

from __future__ import annotations

from typing import Any

from luthier.data.formats.format import UnreadableRow
from luthier.data.jsonl import LineParser


def parse_json_text(text: str, what: str) -> Any:
    """`what` names the text in the error. Raises UnreadableRow."""
    line = LineParser().parse_text(1, text)
    if line.is_parsed:
        return line.value
    reason = f"at column {line.syntax.column}: {line.syntax.message}" if line.syntax else "that can be used"
    raise UnreadableRow(f"{what} is not JSON {reason}", hint=f"write {what} as JSON text, or as JSON itself")
