"""A JSON array, or objects one after another, become lines: one for each element, however large the file."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from luthier.data.jsonl import Element, Line, LineParser, SyntaxFlaw, describe_syntax
from luthier.data.readers.text_window import TextWindow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

BYTE_ORDER_MARK = "\ufeff"


def parse_array(file: BinaryIO) -> Iterator[Line]:
    """Elements are numbered from 1. A broken one does not hide those that follow it."""
    stream = _JsonStream(file)
    stream.open_array()
    while (following := stream.window.skip_space()) not in ("]", ""):
        has_comma = stream.count == 0 or following == ","
        if stream.count and has_comma:
            stream.window.start += 1
            following = stream.window.skip_space()
        if following in ("]", ""):
            yield stream.refuse("there is no row after the last comma")
            return
        line = stream.read_element()
        yield line if has_comma else replace(line, value=None, syntax=SyntaxFlaw("expecting ',' before this row", 1))
    if stream.is_lost:
        return
    stream.window.start += len(following)
    if not following:
        yield stream.refuse("the array is not closed, as if the file were cut off")
    elif stream.window.skip_space():
        yield stream.refuse("there is more after the end of the array")


def parse_objects(file: BinaryIO) -> Iterator[Line]:
    """Objects with white space between them, each of which may take several lines of the file."""
    stream = _JsonStream(file)
    while stream.window.skip_space():
        yield stream.read_element()


class _JsonStream:
    """`is_lost` once a value had no end, so that nobody can say where the next one begins."""

    def __init__(self, file: BinaryIO) -> None:
        self.window = TextWindow(file)
        self.count = 0
        self.is_lost = False
        self._parser = LineParser()
        self.window.skip_space()
        self._has_mark = self.window.text.startswith(BYTE_ORDER_MARK)
        self.window.start += self._has_mark

    def open_array(self) -> None:
        self.window.skip_space()
        self.window.start += 1

    def read_element(self) -> Line:
        """The value at the window's start, which moves behind it; to the end of the file if it has no end."""
        self.count += 1
        line, end = self._parse()
        line = replace(line, has_mark=True) if self._has_mark and self.count == 1 else line
        bad_byte = self.window.find_bad_byte(end)
        self.window.start = end
        if self.is_lost:
            self.window.close()
        return Line(line.number, has_mark=line.has_mark, bad_byte=bad_byte) if bad_byte else line

    def refuse(self, reason: str) -> Line:
        place = self.window.locate(self.window.start)
        self.window.start = len(self.window.text)
        return Line(self.count + 1, syntax=SyntaxFlaw(f"{reason} (line {place.line} of the file)", place.column))

    def _parse(self) -> Element:
        """In one go where the value lies in the window as a whole, as nearly all do."""
        window = self.window
        with suppress(json.JSONDecodeError):
            element = self._parser.parse_element(self.count, window.text, window.start)
            if element.end < len(window.text):
                return element
        end = window.find_end()
        self.is_lost = end is None
        end = len(window.text) if end is None else end
        try:
            element = self._parser.parse_element(self.count, window.text, window.start)
        except json.JSONDecodeError as error:
            return Element(self._describe(error), end)
        return element._replace(end=end) if element.line.is_too_deep else element

    def _describe(self, error: json.JSONDecodeError) -> Line:
        place = self.window.locate(error.pos)
        reason = f"{describe_syntax(error).message} (line {place.line} of the file)"
        return Line(self.count, syntax=SyntaxFlaw(reason, place.column))
