"""A table in text, with commas, semicolons, tabs or bars between its cells, becomes a line for each record."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from typing import TYPE_CHECKING

from luthier.data.jsonl import BadByte, Damage, Line
from luthier.data.readers.cells import CellReader
from luthier.data.readers.container import sniff_delimiter
from luthier.data.readers.text_window import BAD_BYTE, LONGEST_VALUE
from luthier.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path
    from typing import Any

CELLS_HINT = 'put quotes around a cell that holds the delimiter or a line break: "one, two"'
QUOTES_HINT = 'a quote that opens a cell needs one that closes it, and a quote inside such a cell is doubled: ""'

CSV_ERRORS = {
    "expected after": "a cell goes on behind the quote that closes it",
    "unexpected end": "a quote that opens a cell of this record is never closed",
    "field larger": "a quote that opens a cell of this record is not closed for a very long time",
}
"""A word of Python's message, and what it means here."""


def parse_table(file: BufferedReader[Any], path: Path) -> Iterator[Line]:
    """The first record names the columns; a line's number is that of the file's line where its record begins.

    Raises InvalidDataset when the names cannot be used.
    """
    csv.field_size_limit(LONGEST_VALUE)  # else it is 128 KiB
    sample = file.peek().removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    lines = _TextLines(file)
    records = csv.reader(lines, delimiter=sniff_delimiter(sample.lstrip()), strict=True)
    cell_reader = CellReader()
    columns: tuple[str, ...] = ()
    while True:
        lines.begin_record()
        try:
            cells = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            yield lines.refuse(next((told for word, told in CSV_ERRORS.items() if word in str(error)), str(error)))
            continue
        if cells and not columns:
            columns = _name_columns(cells, path)
        elif not cells:
            yield Line(lines.record, is_blank=True)
        elif lines.bad_byte:
            yield Line(lines.record, bad_byte=lines.bad_byte)
        elif len(cells) == len(columns) or (len(cells) > len(columns) and not any(cells[len(columns) :])):
            yield cell_reader.read(lines.record, dict(zip(columns, cells, strict=False)))
        else:
            message = f"the record has {len(cells)} cell{'s' * (len(cells) != 1)}, and the header has {len(columns)}"
            yield lines.refuse(message, CELLS_HINT)


class _TextLines:
    """The lines of the file as text, with what was seen in those of the present record."""

    def __init__(self, file: BufferedReader[Any]) -> None:
        self._file = file
        self._offset = 0
        self._count = 0
        self.record = 1
        self.bad_byte: BadByte | None = None

    def __iter__(self) -> Iterator[str]:
        for raw in self._file:
            self._count += 1
            text = raw.decode("utf-8-sig" if self._count == 1 else "utf-8", "surrogateescape")
            self.bad_byte = self.bad_byte or _find_bad_byte(text, self._offset)
            self._offset += len(raw)
            yield text

    def begin_record(self) -> None:
        self.record = self._count + 1
        self.bad_byte = None

    def refuse(self, message: str, hint: str = QUOTES_HINT) -> Line:
        return Line(self.record, bad_byte=self.bad_byte, damage=None if self.bad_byte else Damage(message, hint))


def _find_bad_byte(text: str, offset: int) -> BadByte | None:
    bad = BAD_BYTE.search(text)
    if bad is None:
        return None
    before = text[: bad.start()].encode("utf-8", "surrogateescape")
    return BadByte(ord(bad[0]) & 0xFF, offset + len(before))


def _name_columns(cells: list[str], path: Path) -> tuple[str, ...]:
    """A column without a name, such as the row numbers of a data frame, is called by its place."""
    names = tuple(cell.strip() or f"column_{number}" for number, cell in enumerate(cells, 1))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InvalidDataset(f"{path} has two columns called {twice[0]!r}", hint="rename one of them")
    return names
