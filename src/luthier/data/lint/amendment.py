"""A row's JSON and a change go in, a changed copy comes out: the one place that knows where messages stand in a row.

A row may have any of OpenAI's three forms; in a pair, the input and both outputs hold messages.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from luthier.data.formats.openai_chat import is_text_part, is_tool_call
from luthier.data.formats.openai_preference import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    Fields = dict[str, Any]


def amend_messages(row: Fields, change: Callable[[Fields], Fields]) -> Fields:
    """`change` gets each message that is an object."""
    return amend_conversations(row, lambda messages: [change(m) if isinstance(m, dict) else m for m in messages])


def amend_conversations(row: Fields, change: Callable[[list[Any]], list[Any]]) -> Fields:
    """`change` gets each list of messages: one in a chat, three in a pair."""
    copy = {**row}
    for key in ("messages", *OUTPUTS):
        if isinstance(row.get(key), list):
            copy[key] = change(row[key])
    prompt = row.get("input")
    if isinstance(prompt, dict) and isinstance(prompt.get("messages"), list):
        copy["input"] = {**prompt, "messages": change(prompt["messages"])}
    return copy


def amend_tools(row: Fields, change: Callable[[Any], Any]) -> Fields:
    """`change` gets the value of `tools`, whatever that is."""
    copy = {**row}
    if "tools" in row:
        copy["tools"] = change(row["tools"])
    prompt = row.get("input")
    if isinstance(prompt, dict) and "tools" in prompt:
        copy["input"] = {**prompt, "tools": change(prompt["tools"])}
    return copy


def amend_texts(row: Fields, change: Callable[[str], str], *, roles: tuple[str, ...] | None = None) -> Fields:
    """`change` gets each content, or each text part of it, of messages from these roles, or from everyone."""

    def amend(message: Fields) -> Fields:
        if roles is not None and message.get("role") not in roles:
            return message
        content = message.get("content")
        if isinstance(content, str):
            return {**message, "content": change(content)}
        if isinstance(content, list):
            parts = [{**part, "text": change(part["text"])} if is_text_part(part) else part for part in content]
            return {**message, "content": parts}
        return message

    return amend_messages(row, amend)


def amend_arguments(row: Fields, change: Callable[[str], str]) -> Fields:
    """`change` gets the arguments of each well-formed call."""

    def amend_call(call: Any) -> Any:
        if not is_tool_call(call):
            return call
        function = call["function"]
        return {**call, "function": {**function, "arguments": change(function["arguments"])}}

    return amend_calls(row, amend_call)


def amend_calls(row: Fields, change: Callable[[Any], Any]) -> Fields:
    """`change` gets each entry of each list of calls."""

    def amend(message: Fields) -> Fields:
        calls = message.get("tool_calls")
        return {**message, "tool_calls": [change(call) for call in calls]} if isinstance(calls, list) else message

    return amend_messages(row, amend)


def move_to_metadata(row: Fields, known: AbstractSet[str]) -> Fields:
    """A key that is not known goes to `metadata`, or away when it holds nothing; one that looks misspelt stays."""
    metadata = row.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        return row
    kept: Fields = {}
    moved: Fields = {**(metadata or {})}
    for key, value in row.items():
        if key in known or get_close_matches(key, known, n=1) or key in moved:
            kept[key] = value
        elif not holds_nothing(value):
            moved[key] = value
    return {**kept, "metadata": moved} if moved else kept


def holds_nothing(value: Any) -> bool:
    """Whether a value can be dropped with its key; 0 and false say something."""
    return value is None or value in ("", [], {})
