"""A path becomes the rows behind it, one at a time: from a file of any container, or from a data set folder."""

from __future__ import annotations

import zlib
from dataclasses import replace
from gzip import BadGzipFile
from itertools import chain, islice
from typing import TYPE_CHECKING

from luthier.data.formats.columns import suggest_map
from luthier.data.formats.format import UnreadableRow
from luthier.data.formats.metadata import add_metadata
from luthier.data.formats.openai_chat import ROW_KEYS
from luthier.data.formats.registry import detect_format
from luthier.data.jsonl import Damage, Line, parse_lines
from luthier.data.readers.arrow_table import parse_arrow, parse_parquet
from luthier.data.readers.container import Container
from luthier.data.readers.csv_table import parse_table
from luthier.data.readers.folder import locate_files
from luthier.data.readers.json_stream import parse_array, parse_objects
from luthier.data.readers.source import open_source
from luthier.errors import FileMissing, InvalidDataset, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from luthier.data.formats.columns import ColumnMap
    from luthier.data.readers.source import Source

SAMPLED_RECORDS = 100
"""Of a table, to see whether its columns are known."""

CHAT_COLUMNS = ROW_KEYS | {"functions"}

CUT_HINT = "the file was probably cut off while it was copied; copy it again"


def read_rows(path: Path, columns: ColumnMap | None = None) -> Iterator[Line]:
    """What is wrong with a row is told by its line; what is wrong with the whole is raised.

    That is FileMissing, UsageError when a folder holds several splits or a table lacks a column of the map,
    InvalidDataset for a file of a foreign kind or a table of unknown columns, MachineError without pyarrow.
    """
    number = before = 0
    for file in locate_files(path):
        before = number
        for line in _read_file(file, columns):
            number = before + line.number
            yield replace(line, number=number) if before else line


def _read_file(path: Path, columns: ColumnMap | None) -> Iterator[Line]:
    number = 0
    try:
        with open_source(path) as source:
            for line in _parse(source, path, columns):
                number = line.number
                yield line
    except (EOFError, zlib.error, BadGzipFile) as error:
        yield Line(number + 1, damage=Damage(f"nothing can be unpacked from here on: {error}".rstrip("."), CUT_HINT))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FileMissing(f"{path} cannot be read: {reason}", hint="check the path and the disk") from error


def _parse(source: Source, path: Path, columns: ColumnMap | None) -> Iterator[Line]:
    match source.container:
        case Container.LINES:
            return parse_lines(source.file)
        case Container.ARRAY:
            return parse_array(source.file)
        case Container.OBJECTS:
            return parse_objects(source.file)
        case Container.TABLE:
            records = parse_table(source.file, path)
        case Container.PARQUET:
            records = parse_parquet(source.file)
        case Container.ARROW:
            records = parse_arrow(source.file)
    return _know_columns(records, path, columns)


def _know_columns(records: Iterator[Line], path: Path, columns: ColumnMap | None) -> Iterator[Line]:
    """The same records, once it is clear that their columns mean something."""
    sample = list(islice(records, SAMPLED_RECORDS))
    rows = [line.value for line in sample if line.is_parsed and not line.is_blank]
    names = list(rows[0]) if rows else []
    if rows and columns is not None:
        _require_columns(columns, names, path)
    elif rows and all(detect_format(row) is None for row in rows):
        message = f"{path}: its columns do not say what is asked and answered: {', '.join(names)}"
        raise InvalidDataset(message, hint=f"name them: {suggest_map(names)}")
    everything = chain(sample, records)
    return everything if columns is not None else (_fold_columns(line) for line in everything)


def _require_columns(columns: ColumnMap, names: list[str], path: Path) -> None:
    missing = next((name for name in columns.columns if name not in names), None)
    if missing is not None:
        raise UsageError(f"{path} has no column {missing!r}", hint=did_you_mean(missing, names))


def _fold_columns(line: Line) -> Line:
    """A table with a column of messages may have any others; they cannot be misspelt keys of a row."""
    form = detect_format(line.value) if line.is_parsed and not line.is_blank else None
    if form is None or form.name != "chat":
        return line
    row = {key: value for key, value in line.value.items() if key in CHAT_COLUMNS and value is not None}
    try:
        return replace(line, value=add_metadata(row, line.value, used=CHAT_COLUMNS))
    except UnreadableRow as flaw:
        return replace(line, value=None, damage=Damage(flaw.message, flaw.hint))
