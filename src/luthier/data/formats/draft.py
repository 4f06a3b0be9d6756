"""The fields of a foreign row become one of OpenAI's, step by step: what was taken is used, and the rest is kept."""

from __future__ import annotations

import json
from typing import Any

from luthier.data.formats.format import UnreadableRow
from luthier.data.formats.json_text import parse_json_text
from luthier.data.formats.metadata import add_metadata
from luthier.data.formats.turns import TurnReader

SYSTEM_KEYS = ("system", "system_prompt")
MESSAGE_METADATA = "message_metadata"
"""Where in the metadata the keys lie that a message has no place for, by the number of the message."""


class Draft:
    """Of one row. Every method that reads raises UnreadableRow."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields
        self._used: set[str] = set()
        self._turns = TurnReader()
        self._has_new_first = False

    def take(self, *names: str) -> Any:
        """The first of these fields that holds something; None when none does."""
        name = next((name for name in names if self._fields.get(name) is not None), None)
        if name is None:
            return None
        self._used.add(name)
        return self._fields[name]

    def require(self, *names: str) -> Any:
        value = self.take(*names)
        if value is None:
            raise UnreadableRow(f"{names[0]} is null", hint=f"write {names[0]}, or delete the row")
        return value

    def read_turns(self, turns: Any, what: str) -> list[dict[str, Any]]:
        return self._turns.read(turns, what)

    def read_side(self, value: Any, what: str, *, role: str) -> list[dict[str, Any]]:
        return self._turns.read(list_turns(value, role=role), what)

    def lead_with_system(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The messages after the row's system prompt, where it has one beside them."""
        return self.lead_with(self.take(*SYSTEM_KEYS), messages)

    def lead_with(self, system: Any, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The messages after a system prompt, unless that is empty or there already."""
        if system is None or system == "":
            return messages
        first = messages[0] if messages else {}
        if first.get("role") not in ("system", "developer"):
            self._has_new_first = True
            return [{"role": "system", "content": system}, *messages]
        if first.get("content") != system:
            raise UnreadableRow("the row has two different system prompts", hint="keep one of them")
        return messages

    def build_chat(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        return self._finish({"messages": messages, **self._take_request()})

    def build_pair(self, prompt: list[dict[str, Any]], preferred: list[Any], rejected: list[Any]) -> dict[str, Any]:
        given = {"messages": prompt, **self._take_request()}
        return self._finish({"input": given, "preferred_output": preferred, "non_preferred_output": rejected})

    def _take_request(self) -> dict[str, Any]:
        tools, functions = read_tools(self.take("tools")), read_tools(self.take("functions"))
        if tools and functions:
            raise UnreadableRow("the row has both tools and the older functions", hint="keep tools")
        parallel = self.take("parallel_tool_calls")
        request = {"tools": functions if functions and not tools else tools, "parallel_tool_calls": parallel}
        return {key: value for key, value in request.items() if value is not None}

    def _finish(self, row: dict[str, Any]) -> dict[str, Any]:
        fields = dict(self._fields)
        if self._turns.leftovers:
            if fields.get(MESSAGE_METADATA) is not None:
                raise UnreadableRow(f"the row has a key called {MESSAGE_METADATA}", hint="give it another name")
            fields[MESSAGE_METADATA] = self._turns.leftovers
        finished = add_metadata(row, fields, used=self._used)
        return renumber_message_metadata(finished) if self._turns.leftovers and self._has_new_first else finished


def renumber_message_metadata(row: dict[str, Any]) -> dict[str, Any]:
    """For a row to which a first message was added."""
    metadata = row.get("metadata")
    if not isinstance(metadata, dict):
        return row
    kept = metadata.get(MESSAGE_METADATA)
    if not isinstance(kept, dict) or not all(number.isdecimal() for number in kept):
        return row
    moved = {str(int(number) + 1): value for number, value in kept.items()}
    return {**row, "metadata": {**metadata, MESSAGE_METADATA: moved}}


def list_turns(value: Any, *, role: str) -> list[Any]:
    """A list of turns as it is; a single turn, or the bare text of one in that role, as a list of one."""
    if isinstance(value, list) and all(_is_turn(item) for item in value):
        return value
    return [value] if _is_turn(value) else [{"role": role, "content": write_number(value)}]


def write_number(value: Any) -> Any:
    """A number or a truth value as JSON writes it, for the cells of tables have types; anything else as it is."""
    return json.dumps(value) if isinstance(value, int | float) else value


def read_tools(value: Any) -> Any:
    """A list of tools, also from JSON text and from bare functions; None for nothing. Raises UnreadableRow."""
    if isinstance(value, str):
        value = parse_json_text(value, "tools") if value.strip() else None
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return value
    return [_wrap_function(tool) for tool in value]


def _is_turn(value: Any) -> bool:
    return isinstance(value, dict) and ("role" in value or "from" in value)


def _wrap_function(tool: Any) -> Any:
    is_bare = isinstance(tool, dict) and "name" in tool and "function" not in tool and tool.get("type") != "function"
    return {"type": "function", "function": tool} if is_bare else tool
