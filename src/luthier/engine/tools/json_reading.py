"""Text in which JSON stands goes in, the value at a place comes out, with the characters that it is written in."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

WHITE = re.compile(r"[ \t\n\r]*")


class Span(NamedTuple):
    """A value, and the characters from `start` up to `end` that say it."""

    value: Any
    start: int
    end: int


class NoJson(ValueError):
    """There is no JSON value at that place."""


def skip_white(text: str, start: int) -> int:
    match = WHITE.match(text, start)
    return match.end() if match else start


def read_value(text: str, start: int) -> Span:
    """The value that begins at `start` or after white space there. Raises NoJson."""
    start = skip_white(text, start)
    try:
        value, end = DECODER.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise NoJson(str(error)) from error
    return Span(value, start, end)


def read_members(text: str, start: int) -> dict[str, Span]:
    """The members of the object whose bracket stands at `start`. Raises NoJson."""
    members: dict[str, Span] = {}
    position = skip_white(text, start + 1)
    while text[position : position + 1] != "}":
        key = read_value(text, position)
        colon = skip_white(text, key.end)
        if not isinstance(key.value, str) or text[colon : colon + 1] != ":":
            raise NoJson("no key")
        members[key.value] = read_value(text, colon + 1)
        position = skip_white(text, members[key.value].end)
        if text[position : position + 1] == ",":
            position = skip_white(text, position + 1)
        elif text[position : position + 1] != "}":
            raise NoJson("no end")
    return members


def read_items(text: str, start: int) -> list[Span]:
    """The items of the list whose bracket stands at `start`. Raises NoJson."""
    items: list[Span] = []
    position = skip_white(text, start + 1)
    while text[position : position + 1] != "]":
        items.append(read_value(text, position))
        position = skip_white(text, items[-1].end)
        if text[position : position + 1] == ",":
            position = skip_white(text, position + 1)
        elif text[position : position + 1] != "]":
            raise NoJson("no end")
    return items


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
