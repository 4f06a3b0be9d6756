"""A row in OpenAI's chat format becomes a Conversation; only this file knows that format's names and shapes.

`Row` and `RawMessage` are views on foreign JSON for the rules to look through; `build_conversation` trusts a
row in which the rules found no error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

from luthier.conversation import Conversation, Message, Role, ToolCall, canonical_json

ROLES: tuple[str, ...] = get_args(Role)
ROW_KEYS = frozenset({"messages", "tools", "parallel_tool_calls"})
MESSAGE_KEYS = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "weight"})

EMPTY_MESSAGE_KEYS = frozenset({"refusal", "audio", "annotations", "function_call"})
"""Keys that an exported API response carries along; harmless as long as they hold nothing."""


class RawMessage(NamedTuple):
    """`position` counts from 1, as OpenAI counts; `role` and `content` may be of any type, or None."""

    position: int
    fields: dict[str, Any]
    role: Any
    content: Any

    @property
    def text(self) -> str:
        """The content as far as it is text; parts are joined as they stand, with nothing between them."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part["text"] for part in self.parts if is_text_part(part))

    @property
    def parts(self) -> list[Any]:
        return self.content if isinstance(self.content, list) else []

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The well-formed tool calls; what else stands among them is the business of a rule."""
        calls = self.fields.get("tool_calls")
        return [call for call in calls if is_tool_call(call)] if isinstance(calls, list) else []


@dataclass(frozen=True, slots=True)
class Row:
    """`messages` holds those entries of `fields["messages"]` that are objects."""

    line: int
    fields: dict[str, Any]
    messages: tuple[RawMessage, ...]

    @property
    def has_known_roles(self) -> bool:
        """Whether rules about the order of roles can say anything sensible."""
        return len(self.messages) > 0 and all(message.role in ROLES for message in self.messages)


def view_row(line: int, fields: dict[str, Any]) -> Row:
    messages = fields.get("messages")
    entries = enumerate(messages, 1) if isinstance(messages, list) else ()
    views = [
        RawMessage(position, entry, entry.get("role"), entry.get("content"))
        for position, entry in entries
        if isinstance(entry, dict)
    ]
    return Row(line, fields, tuple(views))


def build_conversation(row: Row) -> Conversation:
    """`parallel_tool_calls` is left behind: it steers a request and teaches nothing."""
    tools = row.fields.get("tools")
    return Conversation(
        tuple(_build_message(message) for message in row.messages), canonical_json(tools) if tools else ""
    )


def is_text_part(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


def is_tool_call(call: Any) -> bool:
    if not isinstance(call, dict) or call.get("type", "function") != "function":
        return False
    function = call.get("function")
    return (
        isinstance(call.get("id"), str)
        and isinstance(function, dict)
        and isinstance(function.get("name"), str)
        and isinstance(function.get("arguments"), str)
    )


def is_tool(tool: Any) -> bool:
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _build_message(message: RawMessage) -> Message:
    fields = message.fields
    return Message(
        role=message.role,
        content=message.text,
        name=fields.get("name"),
        tool_calls=tuple(
            ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message.calls
        ),
        tool_call_id=fields.get("tool_call_id"),
        is_trained=fields.get("weight") != 0,
    )
