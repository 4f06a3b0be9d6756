"""A stream of bytes is seen through a window of text that moves over it, so that its size does not matter."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, NamedTuple

from luthier.data.jsonl import JSON_SPACE, BadByte

if TYPE_CHECKING:
    from typing import BinaryIO

CHUNK_BYTES = 1 << 20
LONGEST_VALUE = 1 << 26
"""Characters; a value that goes on for longer has lost its end, and the rest of the file would be read into it."""

TOKEN = re.compile(r'[\[\]{}"]')
STRING_REST = re.compile(r'(?:[^"\\]|\\.)*+"', re.DOTALL)
SCALAR = re.compile(r"[^,\]{\s]*")
SPACE = re.compile(rf"[{JSON_SPACE}]*")
OPENED_BY = {"]": "[", "}": "{"}

BAD_BYTE = re.compile(r"[\x00\udc80-\udcff]")
"""Zero, and what the decoder makes of bytes that are not UTF-8; sound text holds neither."""


class Place(NamedTuple):
    """`line` and `column` count from 1, characters; `offset` counts bytes from 0."""

    line: int
    column: int
    offset: int

    def move(self, text: str) -> Place:
        """The place behind `text`, which begins here."""
        newline = text.rfind("\n")
        column = len(text) - newline if newline >= 0 else self.column + len(text)
        size = len(text.encode("utf-8", "surrogateescape"))
        return Place(self.line + text.count("\n"), column, self.offset + size)


class TextWindow:
    """`text` from `start` on is in memory and still to be read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._place = Place(1, 1, 0)
        self._placed = 0
        self._has_bad_bytes = False
        self.text = ""
        self.start = 0
        self.is_complete = False

    def extend(self) -> bool:
        """Reads on, and drops what lies before `start`, which becomes 0; False when there is nothing more."""
        if self.is_complete:
            return False
        raw = self._file.read(max(CHUNK_BYTES, len(self.text) - self.start))
        self.is_complete = not raw
        more = self._decoder.decode(raw, self.is_complete)
        self._has_bad_bytes |= bool(BAD_BYTE.search(more))
        self._place = self.locate(self.start)
        self.text = self.text[self.start :] + more
        self.start = self._placed = 0
        return not self.is_complete

    def close(self) -> None:
        """Nothing more is read."""
        self.text, self.start, self.is_complete = "", 0, True

    def skip_space(self) -> str:
        """The next character that is no white space; "" at the end of the file."""
        while True:
            space = SPACE.match(self.text, self.start)
            self.start = space.end() if space else self.start
            if self.start < len(self.text):
                return self.text[self.start]
            if not self.extend():
                return ""

    def find_end(self) -> int | None:
        """Where the value at `start` ends by its brackets and quotes alone, however broken it is inside.

        None when it goes on to the end of the file, or for longer than any sensible value.
        """
        if self.text[self.start] not in '[{"':
            return self._find_end_of_scalar()
        open_brackets: list[str] = []
        at = self.start
        while True:
            token = TOKEN.search(self.text, at)
            rest = STRING_REST.match(self.text, token.end()) if token and token[0] == '"' else token
            if token is None or rest is None:
                at = (token.start() if token else len(self.text)) - self.start
                if len(self.text) - self.start > LONGEST_VALUE or not self.extend():
                    return None
                continue
            at = rest.end()
            if token[0] in "[{":
                open_brackets.append(token[0])
            elif token[0] in "]}" and not _close_bracket(open_brackets, token[0]):
                return token.start()
            if not open_brackets:
                return at

    def _find_end_of_scalar(self) -> int:
        while True:
            scalar = SCALAR.match(self.text, self.start)
            end = max(scalar.end() if scalar else 0, self.start + 1)
            if end < len(self.text) or not self.extend():
                return min(end, len(self.text))

    def locate(self, position: int) -> Place:
        """`position` is one in `text`, from `start` on."""
        self._place = self._place.move(self.text[self._placed : self.start])
        self._placed = self.start
        return self._place.move(self.text[self.start : position])

    def find_bad_byte(self, end: int) -> BadByte | None:
        """The first byte between `start` and `end` that is not UTF-8 text, or is zero."""
        bad = BAD_BYTE.search(self.text, self.start, end) if self._has_bad_bytes else None
        return BadByte(ord(bad[0]) & 0xFF, self.locate(bad.start()).offset) if bad else None


def _close_bracket(open_brackets: list[str], closing: str) -> bool:
    """Closes what stands open inside as well; False when nothing of that kind is open."""
    while open_brackets:
        if open_brackets.pop() == OPENED_BY[closing]:
            return True
    return False
