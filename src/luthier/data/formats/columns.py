"""A map of columns, given by a person, makes conversations of rows that are in no known format."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from luthier.data.formats.draft import Draft, write_number
from luthier.data.formats.format import Format, UnreadableRow
from luthier.data.formats.json_text import parse_json_text
from luthier.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TEXTS = ("system", "user", "assistant", "rejected")
"""What one column makes, or several together as paragraphs."""

STRUCTURES = ("messages", "tools")
"""What one column holds as a whole, as JSON or as the text of JSON."""

EXAMPLE = "--map user=question --map assistant=answer"

LIKELY_NAMES: dict[str, tuple[str, ...]] = {
    "system": ("system", "system_prompt"),
    "user": ("question", "prompt", "query", "input", "instruction", "request", "user", "utterance", "text", "message"),
    "assistant": ("answer", "response", "reply", "output", "completion", "assistant", "label", "intent", "target"),
}
"""Names to look for among the columns of a table, the likeliest first."""


@dataclass(frozen=True)
class ColumnMap(Format):
    """For each part of a conversation the columns that hold it; the columns that are not named become metadata.

    `messages` are turns that go before; without it, and without a `user`, they are the row's own messages.
    A map with `rejected` makes preferences.
    """

    name = "columns"
    title = "mapped columns"

    system: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    assistant: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All that are mapped."""
        return (*self.system, *self.user, *self.assistant, *self.rejected, *self.messages, *self.tools)

    def matches(self, fields: dict[str, Any]) -> bool:
        return True

    def to_openai(self, fields: dict[str, Any]) -> dict[str, Any]:
        for column in (*self.user, *self.assistant, *self.rejected, *self.messages):
            if column not in fields:
                raise UnreadableRow(f"the row has no column {column!r}", hint=did_you_mean(column, fields))
        draft = Draft(self._rename_structures(fields))
        prompt = self._read_prompt(draft)
        if not self.assistant:
            return draft.build_chat(prompt)
        answer = [{"role": "assistant", "content": _require_text(draft, self.assistant)}]
        if not self.rejected:
            return draft.build_chat([*prompt, *answer])
        return draft.build_pair(prompt, answer, [{"role": "assistant", "content": _require_text(draft, self.rejected)}])

    def _read_prompt(self, draft: Draft) -> list[dict[str, Any]]:
        turns = draft.take("messages") if self.messages or not self.user else []
        if turns is None:
            raise UnreadableRow("the row has no messages, and no column is mapped to user", hint=EXAMPLE)
        if isinstance(turns, str):
            turns = parse_json_text(turns, "messages")
        messages = draft.read_turns(turns, "messages")
        if self.user:
            messages.append({"role": "user", "content": _require_text(draft, self.user)})
        return draft.lead_with(_join_cells(draft, self.system), messages)

    def _rename_structures(self, fields: dict[str, Any]) -> dict[str, Any]:
        renamed = dict(fields)
        for name, columns in (("messages", self.messages), ("tools", self.tools)):
            column = columns[0] if columns else name
            if column == name or column not in fields:
                continue
            if fields.get(name) is not None:
                message = f"the row has a column {name!r} beside {column!r}, which is mapped to it"
                raise UnreadableRow(message, hint="map or delete one of the two")
            renamed[name] = renamed.pop(column)
        return renamed


def parse_column_map(texts: Sequence[str]) -> ColumnMap | None:
    """From `user=question` and the like; the same part may be given twice. None for nothing. Raises UsageError."""
    if not texts:
        return None
    parts: dict[str, list[str]] = {}
    for text in texts:
        part, separator, column = text.partition("=")
        if not separator or not column:
            raise UsageError(f"--map {text}: it takes PART=COLUMN", hint=EXAMPLE)
        if part not in (*TEXTS, *STRUCTURES):
            hint = did_you_mean(part, (*TEXTS, *STRUCTURES))
            raise UsageError(f"--map {text}: {part!r} is no part of a conversation", hint=hint)
        parts.setdefault(part, []).append(column)
    twice = next((part for part in STRUCTURES if len(parts.get(part, ())) > 1), None)
    if twice:
        raise UsageError(f"--map {twice}: there can be one column only", hint="map one of them")
    if not parts.keys() & {"assistant", "messages"} or ("rejected" in parts and "assistant" not in parts):
        raise UsageError("the map does not say where the answer is", hint="add --map assistant=COLUMN")
    return ColumnMap(**{part: tuple(columns) for part, columns in parts.items()})


def suggest_map(columns: Iterable[str]) -> str:
    """A command line's part that maps the likeliest of these columns, for a person to correct."""
    names = list(columns)
    found = {part: _find_likely(names, likely) for part, likely in LIKELY_NAMES.items()}
    for part in ("user", "assistant"):
        free = [name for name in names if name not in found.values() and not re.search(r"(^|_)id$", name.lower())]
        found[part] = found[part] or (free[0] if free else "COLUMN")
    return " ".join(f"--map {shlex.quote(f'{part}={column}')}" for part, column in found.items() if column)


def _find_likely(columns: list[str], likely: Sequence[str]) -> str:
    """A column of one of these names, or else one with such a word in its name."""
    words = {column: set(re.split(r"[\W_]+", column.lower())) for column in columns}
    exact = (column for name in likely for column in columns if column.lower() == name)
    partial = (column for name in likely for column in columns if name in words[column])
    return next(chain(exact, partial), "")


def _join_cells(draft: Draft, columns: Sequence[str]) -> str:
    cells = [draft.take(column) for column in columns]
    return "\n\n".join(text for text in (_write_cell(cell) for cell in cells if cell is not None) if text)


def _require_text(draft: Draft, columns: Sequence[str]) -> str:
    cells = [draft.take(column) for column in columns]
    if all(cell is None for cell in cells):
        raise UnreadableRow(f"the column {columns[0]!r} is empty here", hint="fill it in, or leave the row out")
    return _join_cells(draft, columns)


def _write_cell(cell: Any) -> str:
    """Objects and lists as JSON, which is how an answer of such a shape is written."""
    value = write_number(cell)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
