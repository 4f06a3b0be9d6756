"""OpenAI's chat format: views on its rows for the rules to look through, and the way from a row to a Conversation.

`Row` and `RawMessage` stand before foreign JSON; `build_conversation` trusts a row in which the rules found no error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from luthier.conversation import Conversation, Message, Role, ToolCall, canonical_json
from luthier.data.formats.format import Format

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES: tuple[str, ...] = get_args(Role)
ROW_KEYS = frozenset({"messages", "tools", "parallel_tool_calls", "metadata"})
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


class Passage(NamedTuple):
    """A text of a row: the content of a message, or the arguments of one of its calls, which are JSON."""

    position: int
    role: Any
    text: str
    is_arguments: bool = False


@dataclass(frozen=True)
class Row:
    """One conversation of a line. `messages` holds those entries of `fields["messages"]` that are objects."""

    line: int
    fields: dict[str, Any]
    messages: tuple[RawMessage, ...]

    @property
    def has_known_roles(self) -> bool:
        """Whether rules about the order of roles can say anything sensible."""
        return len(self.messages) > 0 and all(message.role in ROLES for message in self.messages)

    @cached_property
    def uses_tools(self) -> bool:
        """Whether rules about calls and their results have anything to look at."""
        return any(message.role == "tool" or message.fields.get("tool_calls") for message in self.messages)

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        return tuple(passage for message in self.messages for passage in _list_passages(message))

    @cached_property
    def text(self) -> str:
        """All passages, one below the other: what a rule searches first, before it looks where something stands."""
        return "\n".join(passage.text for passage in self.passages)

    @cached_property
    def answers(self) -> tuple[Passage, ...]:
        """What the assistant says in words and is to learn: nothing that has the weight 0."""
        return tuple(
            Passage(message.position, message.role, message.text)
            for message in self.messages
            if message.role == "assistant" and message.fields.get("weight") != 0 and message.text
        )

    @cached_property
    def tools_text(self) -> str:
        """The list of tools as JSON, by which to remember what was found out about it; "" when there is no list."""
        tools = self.fields.get("tools")
        return json.dumps(tools) if isinstance(tools, list) and tools else ""


class OpenAiChat(Format):
    """`messages` that end with the answer to learn, `tools`, and keys beside them that training does not read."""

    name = "chat"
    title = "OpenAI chat"

    def matches(self, fields: dict[str, Any]) -> bool:
        return "messages" in fields

    def to_openai(self, fields: dict[str, Any]) -> dict[str, Any]:
        return fields


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
    tools = row.fields.get("tools")
    return Conversation(
        tuple(_build_message(message) for message in row.messages),
        json.dumps(tools, ensure_ascii=False, allow_nan=False) if tools else "",
    )


def write_extras(fields: dict[str, Any], *, read: frozenset[str]) -> str:
    """The keys of a row other than those that were read, as JSON; "" when there are none."""
    extras = {key: value for key, value in fields.items() if key not in read and value is not None}
    return canonical_json(extras) if extras else ""


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


def _list_passages(message: RawMessage) -> Iterator[Passage]:
    text = message.text
    if text:
        yield Passage(message.position, message.role, text)
    for call in message.calls:
        yield Passage(message.position, message.role, call["function"]["arguments"], is_arguments=True)


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
