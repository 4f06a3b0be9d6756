"""The first bytes of a file say what holds its rows, whatever its name; what holds none is refused by its own name."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from enum import StrEnum
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterator

GZIP = b"\x1f\x8b\x08"
TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".tab"})
DELIMITERS = ",;\t|"
SAMPLED_RECORDS = 20

UNFIT_FOR_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ufffd]")
"""Control characters other than the tab, and what stands for bytes that are no UTF-8."""


class Container(StrEnum):
    LINES = "JSONL"
    ARRAY = "a JSON array"
    OBJECTS = "JSON objects over several lines"
    TABLE = "CSV"
    PARQUET = "Parquet"
    ARROW = "Arrow"


class Foreign(NamedTuple):
    """A kind of file that holds no rows that could be read."""

    start: bytes
    name: str
    hint: str


SAVE_AS_CSV = "open it in a spreadsheet program and save the sheet as CSV"
UNPACK = "unpack it first: {}"
NO_DATA = "name the file with the rows"

FOREIGN: tuple[Foreign, ...] = (
    Foreign(b"\xd0\xcf\x11\xe0", "an old Excel or Word file", SAVE_AS_CSV),
    Foreign(b"%PDF", "a PDF", NO_DATA),
    Foreign(b"\x89PNG", "a PNG picture", NO_DATA),
    Foreign(b"\xff\xd8\xff", "a JPEG picture", NO_DATA),
    Foreign(b"GIF8", "a GIF picture", NO_DATA),
    Foreign(b"\x28\xb5\x2f\xfd", "packed by Zstandard", UNPACK.format("zstd -d FILE")),
    Foreign(b"BZh", "packed by bzip2", UNPACK.format("bunzip2 FILE")),
    Foreign(b"\xfd7zXZ\x00", "packed by xz", UNPACK.format("unxz FILE")),
    Foreign(b"7z\xbc\xaf", "a 7-Zip archive", UNPACK.format("7z x FILE")),
    Foreign(b"Rar!", "a RAR archive", UNPACK.format("unrar x FILE")),
    Foreign(b"SQLite format 3\x00", "an SQLite database", "export the table as CSV: sqlite3 -header -csv FILE QUERY"),
    Foreign(b"\x93NUMPY", "a NumPy array", "write the rows as JSONL"),
    Foreign(b"\x89HDF", "an HDF5 file", "write the rows as JSONL or Parquet"),
    Foreign(b"Obj\x01", "an Avro file", "write the rows as JSONL or Parquet"),
    Foreign(b"ORC", "an ORC file", "write the rows as JSONL or Parquet"),
    Foreign(b"FEA1", "an old Feather file", "write the rows as JSONL or Parquet"),
    Foreign(b"GGUF", "a GGUF model", NO_DATA),
    Foreign(b"\x80\x04\x95", "a Python pickle", "write the rows as JSONL; a pickle runs code when it is read"),
    Foreign(b"{\\rtf", "a rich text document", "save it as plain text or CSV"),
    Foreign(b"version https://git-lfs.github.com", "a Git LFS pointer, not the file itself", "fetch it: git lfs pull"),
)

PACKED_OFFICE: tuple[Foreign, ...] = (
    Foreign(b"xl/", "an Excel workbook", SAVE_AS_CSV),
    Foreign(b"opendocument.spreadsheet", "an OpenDocument spreadsheet", SAVE_AS_CSV),
    Foreign(b"word/", "a Word document", "save it as plain text or CSV"),
)
"""Zip archives that are known by a name inside them."""

MARKUP: tuple[Foreign, ...] = (
    Foreign(b"<!doctype html", "a web page", "the download may have led to a page that asks for a login"),
    Foreign(b"<html", "a web page", "the download may have led to a page that asks for a login"),
    Foreign(b"<?xml", "an XML file", "write the rows as JSONL"),
)


def detect_container(head: bytes, path: PurePath) -> Container:
    """What is neither JSON nor a table counts as lines, whose flaws then become findings.

    Raises InvalidDataset, naming the kind, for a file of a kind that holds no rows.
    """
    if head.startswith(b"PAR1"):
        return Container.PARQUET
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return Container.ARROW
    _refuse_foreign(head, path)
    if b"\0" in head.partition(b"\n")[0] or head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Container.LINES
    return _detect_text(head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace").lstrip(), path)


def sniff_delimiter(text: str) -> str:
    """Of the four usual ones, the one that cuts most of the first records into as many cells as the header."""

    def count_even_records(delimiter: str) -> tuple[int, int]:
        widths = [len(record) for record in _read_sample(text, delimiter)]
        if not widths or widths[0] < 2:
            return 0, 0
        return widths.count(widths[0]), widths[0]

    return max(DELIMITERS, key=count_even_records)


def _refuse_foreign(head: bytes, path: PurePath) -> None:
    found = next((kind for kind in FOREIGN if head.startswith(kind.start)), None)
    if head.startswith(b"PK\x03\x04"):
        archive = Foreign(b"", "a zip archive", UNPACK.format("unzip FILE"))
        found = next((kind for kind in PACKED_OFFICE if kind.start in head), archive)
    if head[257:262] == b"ustar":
        found = Foreign(b"", "a tar archive", UNPACK.format("tar xf FILE"))
    lower = head[:200].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    found = found or next((kind for kind in MARKUP if lower.startswith(kind.start)), None)
    if found:
        verb = "is" if not found.name.startswith("packed") else "is a file"
        raise InvalidDataset(f"{path} {verb} {found.name}", hint=found.hint.replace("FILE", path.name))


def _detect_text(text: str, path: PurePath) -> Container:
    first, _, rest = text.partition("\n")
    if text.startswith("["):
        # A list may stand on a line by mistake; an array of rows holds objects and ends with the file.
        is_line = _is_json(first) and (rest.strip() or not first[1:].lstrip().startswith(("{", "]")))
        return Container.LINES if is_line else Container.ARRAY
    if text.startswith("{"):
        goes_on = rest.startswith((" ", "\t", '"')) and not _is_json(first)
        return Container.OBJECTS if goes_on else Container.LINES
    return Container.TABLE if _is_table(text, path) else Container.LINES


def _is_table(text: str, path: PurePath) -> bool:
    """A header tells; the file's name decides when a single word, or a bracket, leaves both readings open."""
    header, _, rest = text.partition("\n")
    if UNFIT_FOR_HEADER.search(header.rstrip("\r")):
        return False
    suffixes = {suffix.lower() for suffix in path.suffixes[-2:]}
    if suffixes & TABLE_SUFFIXES:
        return True
    cells = next(_read_sample(text, sniff_delimiter(text)), [])
    if any(bracket in header for bracket in "{}[]") or rest.lstrip().startswith(("{", "[")):
        return False
    return sum(bool(cell.strip()) for cell in cells) >= 2


def _read_sample(text: str, delimiter: str) -> Iterator[list[str]]:
    """The first records that are not blank; the last one of a text that is cut may be short."""
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        yield from islice((record for record in records if record), SAMPLED_RECORDS)
    except csv.Error:
        return


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
