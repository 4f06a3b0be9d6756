"""An answer of any kind becomes its kind and its fields: the values of JSON, or of the arguments of a tool call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from luthier.data.profile import STRICT_DECODER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.conversation import Message

Kind = Literal["JSON object", "JSON list", "tool call", "text"]

DEEPEST = 8
"""Levels of JSON that are told apart; what lies deeper counts as one value."""


class Field(NamedTuple):
    """One value at its path, such as `slots.artist`; the items of a list share the path `items[]`."""

    path: str
    type: str
    text: str


class ReadAnswer(NamedTuple):
    """`text` is the whole answer in words, `fields` are empty for a text."""

    kind: Kind
    text: str
    fields: tuple[Field, ...] = ()

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(field.path for field in self.fields)


def read_answer(message: Message) -> ReadAnswer:
    if message.tool_calls:
        text = "\n".join([message.content, *(f"{call.name} {call.arguments}" for call in message.tool_calls)]).strip()
        calls = [_walk(_decode(call.arguments), call.name) for call in message.tool_calls]
        return ReadAnswer("tool call", text, tuple(field for fields in calls for field in fields))
    value = _decode(message.content) if message.content.lstrip().startswith(("{", "[")) else None
    if isinstance(value, dict | list):
        kind: Kind = "JSON object" if isinstance(value, dict) else "JSON list"
        return ReadAnswer(kind, message.content, tuple(_walk(value, "")))
    return ReadAnswer("text", message.content)


def _decode(text: str) -> Any:
    try:
        return STRICT_DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return None


def _walk(value: Any, path: str) -> Iterator[Field]:
    """An empty object or list is a value too: it says that there is nothing."""
    if isinstance(value, dict) and value and path.count(".") < DEEPEST:
        for key, inner in value.items():
            yield from _walk(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and path.count("[]") < DEEPEST:
        for inner in value:
            yield from _walk(inner, f"{path}[]")
    else:
        yield Field(path, _type_of(value), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "object" if isinstance(value, dict) else "list"
