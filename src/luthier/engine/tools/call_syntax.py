"""A place in an answer goes in, the calls that are written there come out; one class for each way to write them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from luthier.engine.tools.json_reading import NoJson, Span, read_items, read_members, read_value, skip_white
from luthier.engine.tools.offer import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

WORD = re.compile(r"<[^<>\s]*>|<[^<\s]*|[^<\s]+")


class WrittenCall(NamedTuple):
    """`arguments` is JSON text as the model wrote it; `id` is empty where calls carry none."""

    name: str
    arguments: str
    id: str = ""


class WrittenCalls(NamedTuple):
    """Calls that stand beside one another, and where they end."""

    calls: tuple[WrittenCall, ...]
    end: int


class CallSyntax(Protocol):
    @property
    def marker(self) -> str:
        """What every call begins with; empty where a call is told by its form alone."""
        ...

    def read_calls(self, text: str, start: int, parameters: Mapping[str, dict[str, Any]]) -> WrittenCalls | None:
        """The calls whose marker stands at `start`; None for what is no complete call.

        `parameters` are the schemas of the functions that are offered.
        """
        ...


@dataclass(frozen=True)
class ObjectSyntax:
    """`begin` {"name": ..., "arguments": {...}} `end`; one object, several, or a list of them.

    The paths say which keys lead to a call's parts.
    """

    begin: str
    end: str
    name_path: tuple[str, ...] = ("name",)
    arguments_path: tuple[str, ...] = ("arguments",)
    id_path: tuple[str, ...] = ()

    @property
    def marker(self) -> str:
        return first_word(self.begin)

    def read_calls(self, text: str, start: int, parameters: Mapping[str, dict[str, Any]]) -> WrittenCalls | None:
        position = expect(text, start, self.begin)
        calls: list[WrittenCall] = []
        while position is not None:
            try:
                read = read_value(text, position)
                spans = read_items(text, read.start) if isinstance(read.value, list) else [read]
                calls += [self._read_call(text, span) for span in spans]
            except NoJson:
                if not calls:
                    return None
                break
            finish = read.end
            closed = expect(text, finish, self.end)
            position = _find_next_object(text, finish)
            if position is None and closed is not None:
                finish = closed
        return WrittenCalls(tuple(calls), finish) if calls and position is None else None

    def _read_call(self, text: str, span: Span) -> WrittenCall:
        name = _follow(text, span, self.name_path)
        arguments = _follow(text, span, self.arguments_path)
        call_id = _follow(text, span, self.id_path) if self.id_path else None
        if name is None or not isinstance(name.value, str) or not NAME.fullmatch(name.value):
            raise NoJson("no name")
        id_text = call_id.value if call_id is not None and isinstance(call_id.value, str) else ""
        return WrittenCall(name.value, _show_arguments(text, arguments), id_text)


@dataclass(frozen=True)
class TaggedSyntax:
    """`head` NAME `middle` {...} `closing` `opening` NAME `middle` {...} `closing` `tail`.

    Without an `opening` each further call begins with the head again.
    """

    head: str
    middle: str
    closing: str
    opening: str = ""
    tail: str = ""

    @property
    def marker(self) -> str:
        return first_word(self.head)

    def read_calls(self, text: str, start: int, parameters: Mapping[str, dict[str, Any]]) -> WrittenCalls | None:
        position = expect(text, start, self.head)
        calls = []
        while position is not None:
            position = skip_white(text, position)
            name = NAME.match(text, position)
            after_name = expect(text, name.end(), self.middle) if name else None
            if name is None or after_name is None:
                return None
            try:
                span = read_value(text, after_name)
                calls.append(WrittenCall(name[0], _show_arguments(text, span)))
            except NoJson:
                return None
            end = _expect_or_stay(text, span.end, self.closing)
            position = expect(text, end, self.opening) if self.opening else None
        return WrittenCalls(tuple(calls), _expect_or_stay(text, end, self.tail)) if calls else None


@dataclass(frozen=True)
class ParameterSyntax:
    """`head` NAME `middle` (`key_open` KEY `key_close` VALUE `value_close`)* `tail`.

    Texts stand as they are, everything else as JSON; so the schema has to say which a value is.
    """

    head: str
    middle: str
    key_open: str
    key_close: str
    value_close: str
    tail: str

    @property
    def marker(self) -> str:
        return first_word(self.head)

    def read_calls(self, text: str, start: int, parameters: Mapping[str, dict[str, Any]]) -> WrittenCalls | None:
        position = expect(text, start, self.head)
        name = NAME.match(text, skip_white(text, position)) if position is not None else None
        place = expect(text, name.end(), self.middle) if name else None
        if name is None or place is None:
            return None
        properties = parameters.get(name[0], {}).get("properties", {})
        arguments: dict[str, Any] = {}
        while (key_start := expect(text, place, self.key_open)) is not None:
            key_end = text.find(self.key_close.strip(), key_start)
            value_start = key_end + len(self.key_close.strip())
            value_end = text.find(self.value_close.strip(), value_start)
            if key_end < 0 or value_end < 0:
                return None
            key = text[key_start:key_end].strip()
            arguments[key] = _read_parameter(text[value_start:value_end], properties.get(key))
            place = value_end + len(self.value_close.strip())
        end = expect(text, place, self.tail)
        if end is None:
            return None
        return WrittenCalls((WrittenCall(name[0], json.dumps(arguments, ensure_ascii=False)),), end)


def first_word(literal: str) -> str:
    return next(iter(WORD.findall(literal)), "")


def expect(text: str, start: int, literal: str) -> int | None:
    """Where the literal's words and tags end that stand at `start`, whatever white space is between them; None where
    they do not stand there."""
    for word in WORD.findall(literal):
        start = skip_white(text, start)
        if not text.startswith(word, start):
            return None
        start += len(word)
    return start


def _expect_or_stay(text: str, start: int, literal: str) -> int:
    end = expect(text, start, literal)
    return start if end is None else end


def _find_next_object(text: str, start: int) -> int | None:
    """Some models put several objects behind one marker, with a comma, a semicolon or white space between them."""
    position = skip_white(text, start)
    if text[position : position + 1] in (",", ";"):
        position = skip_white(text, position + 1)
    return position if text[position : position + 1] == "{" else None


def _follow(text: str, span: Span, path: tuple[str, ...]) -> Span | None:
    for key in path:
        if not isinstance(span.value, dict):
            raise NoJson("no object")
        if key not in span.value:
            return None
        span = read_members(text, span.start)[key]
    return span


def _show_arguments(text: str, span: Span | None) -> str:
    """Their own characters; a function without parameters may be called without them."""
    if span is None:
        return "{}"
    if isinstance(span.value, str):
        if not isinstance(read_value(span.value, 0).value, dict):
            raise NoJson("no object")
        return span.value
    if not isinstance(span.value, dict):
        raise NoJson("no object")
    return text[span.start : span.end]


def _read_parameter(written: str, schema: Any) -> Any:
    stripped = written.removeprefix("\n").removesuffix("\n")
    if isinstance(schema, dict) and schema.get("type") == "string":
        return stripped
    try:
        read = read_value(stripped, 0)
    except NoJson:
        return stripped
    return read.value if skip_white(stripped, read.end) == len(stripped) else stripped
