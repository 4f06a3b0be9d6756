"""Text becomes lines of JSON: each with its parsed value, or with what kept it from being read.

Nothing is judged here; `lint/file.py` turns these facts into findings.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from io import BufferedReader
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.errors import FileMissing, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import FileIO
    from pathlib import Path

MAX_DEPTH = 200
"""Levels of nesting; far below Python's recursion limit, so that whatever is read can be written again."""

MAX_DIGITS = 4300
"""Digits in an integer; Python refuses longer ones by default."""

DATA_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".gz")

BUFFER_BYTES = 1 << 20
"""Read at once; the first lines of any file of lines lie within."""

JSON_SPACE = " \t\n\r"

SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class BadByte(NamedTuple):
    """`offset` counts bytes from the start of the file."""

    value: int
    offset: int


class SyntaxFlaw(NamedTuple):
    """`column` counts characters from 1."""

    message: str
    column: int


class Damage(NamedTuple):
    """What is wrong with a record that is no JSON, such as a row of a table with a cell too many."""

    message: str
    hint: str


class Element(NamedTuple):
    """A line that was read out of a longer text, and where its text ends there."""

    line: Line
    end: int


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file. `value` is its JSON, and None where a flaw is named.

    `number` counts from 1: lines in files of lines, rows in all others. `raw` is what stands in a file of lines, kept
    of those lines alone whose value cannot be used.
    """

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
    damage: Damage | None = None
    raw: bytes = b""

    @property
    def is_parsed(self) -> bool:
        """Whether the line holds a value of which every part can be used."""
        is_json = not (self.is_blank or self.bad_byte or self.syntax or self.is_too_deep or self.damage)
        return is_json and not (self.has_lone_surrogate or self.repeated_keys or self.bad_numbers)


def read_lines(path: Path) -> Iterator[Line]:
    """Streams the file, so that its size does not matter; raises FileMissing when it cannot be read.

    Stops after the first line when that holds a zero byte: such a file is not text and has no lines.
    """
    with open_file(path) as file:
        yield from parse_lines(file)


def parse_lines(file: Iterable[bytes]) -> Iterator[Line]:
    """As `read_lines`, from a file that is open."""
    parser = LineParser()
    offset = 0
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
        line = self._parse_bytes(number, offset, raw)
        return line if line.is_parsed or line.is_blank else replace(line, raw=raw)

    def parse_text(self, number: int, text: str, *, has_mark: bool = False) -> Line:
        """Text that is one JSON value and nothing else."""
        try:
            line, end = self.parse_element(number, text, len(text) - len(text.lstrip(JSON_SPACE)))
        except json.JSONDecodeError as error:
            return Line(number, has_mark=has_mark, syntax=describe_syntax(error))
        rest = len(text) - len(text[end:].lstrip(JSON_SPACE))
        if rest < len(text):
            return Line(number, has_mark=has_mark, syntax=SyntaxFlaw("extra data", rest + 1))
        return replace(line, has_mark=True) if has_mark else line

    def parse_element(self, number: int, text: str, start: int) -> Element:
        """The JSON value that begins at `start`. Raises JSONDecodeError.

        What is nested too deep to be parsed is taken to end where the text does.
        """
        self._repeated_keys.clear()
        self._bad_numbers.clear()
        try:
            value, end = self._decoder.raw_decode(text, start)
        except RecursionError:
            return Element(Line(number, is_too_deep=True), len(text))
        # Brackets bound the depth from above, so that ordinary rows are not walked at all.
        if text.count("[", start, end) + text.count("{", start, end) > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
            return Element(Line(number, is_too_deep=True), end)
        line = Line(
            number,
            value,
            has_lone_surrogate=bool(SURROGATE_ESCAPE.search(text, start, end)) and not _is_encodable(value),
            repeated_keys=tuple(self._repeated_keys),
            bad_numbers=tuple(self._bad_numbers),
        )
        return Element(line, end)

    def _parse_bytes(self, number: int, offset: int, raw: bytes) -> Line:
        has_mark = number == 1 and raw.startswith(codecs.BOM_UTF8)
        bad_byte = _find_bad_byte(raw, offset)
        if bad_byte:
            return Line(number, has_mark=has_mark, bad_byte=bad_byte)
        text = raw.decode("utf-8-sig" if has_mark else "utf-8")
        if not text.strip():
            return Line(number, has_mark=has_mark, is_blank=True)
        return self.parse_text(number, text, has_mark=has_mark)

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


def describe_syntax(error: json.JSONDecodeError) -> SyntaxFlaw:
    return SyntaxFlaw(error.msg[0].lower() + error.msg[1:], error.colno)


def open_file(path: Path) -> BufferedReader[FileIO]:
    """Raises FileMissing."""
    try:
        return BufferedReader(path.open("rb", buffering=0), BUFFER_BYTES)
    except FileNotFoundError as error:
        raise FileMissing(f"{path}: no such file", hint=_suggest_files(path)) from error
    except IsADirectoryError as error:
        raise FileMissing(f"{path} is a folder, not a file", hint="name the .jsonl file inside it") from error
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise FileMissing(f"{path} cannot be read: {reason}", hint="check the path and its permissions") from error


def _suggest_files(path: Path) -> str:
    siblings = [file.name for suffix in DATA_SUFFIXES for file in path.parent.glob(f"*{suffix}")]
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
