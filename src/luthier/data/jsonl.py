"""A JSONL file becomes lines: each with its parsed value, or with what kept it from being read.

Nothing is judged here; `lint/file.py` turns these facts into findings.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.errors import FileMissing, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

MAX_DEPTH = 200
"""Levels of nesting; far below Python's recursion limit, so that whatever is read can be written again."""

MAX_DIGITS = 4300
"""Digits in an integer; Python refuses longer ones by default."""

SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class BadByte(NamedTuple):
    """`offset` counts bytes from the start of the file."""

    value: int
    offset: int


class SyntaxFlaw(NamedTuple):
    """`column` counts characters from 1."""

    message: str
    column: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file. `value` is its JSON, and None where a flaw is named."""

    number: int
    value: Any = None
    has_mark: bool = False
    is_blank: bool = False
    bad_byte: BadByte | None = None
    syntax: SyntaxFlaw | None = None
    is_too_deep: bool = False
    has_lone_surrogate: bool = False
    repeated_keys: tuple[str, ...] = ()
    bad_numbers: tuple[str, ...] = ()

    @property
    def is_parsed(self) -> bool:
        """Whether the line holds JSON in which every value can be used."""
        is_json = not (self.is_blank or self.bad_byte or self.syntax or self.is_too_deep)
        return is_json and not (self.has_lone_surrogate or self.repeated_keys or self.bad_numbers)


def read_lines(path: Path) -> Iterator[Line]:
    """Streams the file, so that its size does not matter; raises FileMissing when it cannot be read.

    Stops after the first line when that holds a zero byte: such a file is not text and has no lines.
    """
    parser = LineParser()
    offset = 0
    with _open_file(path) as file:
        for number, raw in enumerate(file, 1):
            yield parser.parse(number, offset, raw.rstrip(b"\r\n"))
            if number == 1 and b"\0" in raw:
                return
            offset += len(raw)


class LineParser:
    """Parses JSON and reports what Python's own parser lets pass: repeated keys and numbers out of range."""

    def __init__(self) -> None:
        self._repeated_keys: list[str] = []
        self._bad_numbers: list[str] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._read_object,
            parse_int=self._read_int,
            parse_float=self._read_float,
            parse_constant=self._bad_numbers.append,
        )

    def parse(self, number: int, offset: int, raw: bytes) -> Line:
        """`offset` is the place of `raw` in its file, in bytes."""
        has_mark = number == 1 and raw.startswith(codecs.BOM_UTF8)
        bad_byte = _find_bad_byte(raw, offset)
        if bad_byte:
            return Line(number, has_mark=has_mark, bad_byte=bad_byte)
        text = raw.decode("utf-8-sig" if has_mark else "utf-8")
        if not text.strip():
            return Line(number, has_mark=has_mark, is_blank=True)
        return self._parse_text(number, text, has_mark)

    def _parse_text(self, number: int, text: str, has_mark: bool) -> Line:
        self._repeated_keys.clear()
        self._bad_numbers.clear()
        try:
            value = self._decoder.decode(text)
        except json.JSONDecodeError as error:
            flaw = SyntaxFlaw(error.msg[0].lower() + error.msg[1:], error.colno)
            return Line(number, has_mark=has_mark, syntax=flaw)
        except RecursionError:
            return Line(number, has_mark=has_mark, is_too_deep=True)
        # Brackets bound the depth from above, so that ordinary rows are not walked at all.
        if text.count("[") + text.count("{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
            return Line(number, has_mark=has_mark, is_too_deep=True)
        return Line(
            number,
            value,
            has_mark=has_mark,
            has_lone_surrogate=bool(SURROGATE_ESCAPE.search(text)) and not _is_encodable(value),
            repeated_keys=tuple(self._repeated_keys),
            bad_numbers=tuple(self._bad_numbers),
        )

    def _read_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            self._repeated_keys.extend(name for name, count in counts.items() if count > 1)
        return fields

    def _read_int(self, digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            self._bad_numbers.append(digits)
            return 0
        return int(digits)

    def _read_float(self, digits: str) -> float:
        number = float(digits)
        if math.isinf(number):
            self._bad_numbers.append(digits)
        return number


def _open_file(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise FileMissing(f"{path}: no such file", hint=_suggest_files(path)) from error
    except IsADirectoryError as error:
        raise FileMissing(f"{path} is a folder, not a file", hint="name the .jsonl file inside it") from error
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise FileMissing(f"{path} cannot be read: {reason}", hint="check the path and its permissions") from error


def _suggest_files(path: Path) -> str:
    siblings = [file.name for file in path.parent.glob("*.jsonl")]
    return did_you_mean(path.name, siblings) if siblings else "check the path"


def _find_bad_byte(raw: bytes, offset: int) -> BadByte | None:
    """A zero byte counts as bad: JSON text never holds one, UTF-16 text and binary files do."""
    zero = raw.find(b"\0")
    if zero >= 0 and not raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return BadByte(0, offset + zero)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return BadByte(raw[error.start], offset + error.start)
    return None


def _is_deeper(value: Any, limit: int) -> bool:
    """Walks level by level, because recursion is what a nested row would exhaust."""
    level = [value]
    for _ in range(limit + 1):
        children: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                children.extend(item.values())
            elif isinstance(item, list):
                children.extend(item)
        if not children:
            return False
        level = children
    return True


def _is_encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
