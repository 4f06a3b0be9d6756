"""The text of an answer in, the JSON that it holds out, with every fraction as it was written."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

OBJECTS_TRIED = 3
"""Opening braces in a text that JSON is looked for behind."""


class WrittenFloat(float):
    """A number with a fraction or an exponent, and how it was written: `2.50` is not how everybody writes 2.5."""

    __slots__ = ("written",)
    written: str

    def __new__(cls, written: str) -> WrittenFloat:
        """Raises ValueError where the number is too large to be held, which Python's own parser lets pass."""
        number = super().__new__(cls, written)
        if math.isinf(number):
            raise ValueError(written)
        number.written = written
        return number

    @property
    def decimals(self) -> int:
        """Digits after the point; -1 with an exponent."""
        written = self.written
        return -1 if "e" in written or "E" in written else len(written) - written.index(".") - 1


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=WrittenFloat)


def parse_answer(text: str) -> dict[str, Any] | list[Any] | None:
    """The object or list that an answer holds, with fractions as WrittenFloat; None where it holds none.

    A bare number or word is text that happens to parse.
    """
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value: dict[str, Any] | list[Any] = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return value


def find_json_inside(text: str) -> dict[str, Any] | list[Any] | None:
    """The object, or the list of objects, that stands somewhere in a text; None where there is none.

    An empty object or a list such as [1] stands in much text that is no JSON. Where the text itself begins with a
    bracket that does not close, what stands inside is a part of JSON that was cut off.
    """
    start = text.find("{")
    if start >= 0 and text[:start].strip() in ("", "["):
        return _decode_at(text, text.index(text.strip()[0])) or None
    for _ in range(OBJECTS_TRIED):
        if start < 0:
            return None
        value = _decode_at(text, start - 1 if start and text[start - 1] == "[" else start)
        if value:
            return value
        start = text.find("{", start + 1)
    return None


def _decode_at(text: str, start: int) -> dict[str, Any] | list[Any] | None:
    try:
        value: dict[str, Any] | list[Any] = _DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None
    return value
