"""Parquet and Arrow files become lines: one for each record, with what JSON cannot hold written as text."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from luthier.data.jsonl import Damage, Line
from luthier.data.readers.cells import CellReader
from luthier.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedReader

BATCH_ROWS = 1000
DAMAGED_HINT = "the file seems cut off or damaged; copy or write it again"


def parse_parquet(file: BufferedReader[Any]) -> Iterator[Line]:
    """Row group by row group. Raises MachineError without pyarrow; damage becomes the last line."""
    _require_pyarrow()
    from pyarrow.parquet import ParquetFile

    return _parse_batches(lambda: ParquetFile(file).iter_batches(BATCH_ROWS))


def parse_arrow(file: BufferedReader[Any]) -> Iterator[Line]:
    """Both of Arrow's layouts, the file and the stream that Hugging Face's `save_to_disk` writes."""
    _require_pyarrow()
    from pyarrow import ipc

    def open_batches() -> Iterator[Any]:
        if not file.peek().startswith(b"ARROW1"):
            yield from ipc.open_stream(file)
            return
        table = ipc.open_file(file)
        yield from (table.get_batch(index) for index in range(table.num_record_batches))

    return _parse_batches(open_batches)


def _require_pyarrow() -> None:
    if find_spec("pyarrow") is None:
        message = "Parquet and Arrow files need the library pyarrow, which is not installed"
        raise MachineError(message, hint="pip install 'luthier[tables]'")


def _parse_batches(open_batches: Callable[[], Iterable[Any]]) -> Iterator[Line]:
    from pyarrow import ArrowException

    cell_reader = CellReader()
    number = 0
    try:
        for batch in open_batches():
            batch.validate(full=True)  # offsets out of a damaged file are followed blindly later on
            for piece in range(0, batch.num_rows, BATCH_ROWS):
                for record in batch.slice(piece, BATCH_ROWS).to_pylist():
                    number += 1
                    yield _build_line(number, record, cell_reader)
    except (ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        reason = (str(error).splitlines() or ["a length in it is too large for the memory"])[0].rstrip(".")
        message = f"no record can be read from here on: {reason[:1].lower()}{reason[1:160]}"
        yield Line(number + 1, damage=Damage(message, DAMAGED_HINT))


def _build_line(number: int, record: dict[str, Any], cell_reader: CellReader) -> Line:
    bad_numbers: list[str] = []
    try:
        cells = {name: to_json_value(cell, bad_numbers) for name, cell in record.items()}
    except UnicodeDecodeError:
        names = ", ".join(name for name, cell in record.items() if not _is_text(cell))
        message = f"the record holds bytes that are no text, in {names}"
        return Line(number, damage=Damage(message, "leave such columns out of the file"))
    line = cell_reader.read(number, cells)
    return replace(line, bad_numbers=(*bad_numbers, *line.bad_numbers)) if bad_numbers else line


def to_json_value(value: Any, bad_numbers: list[str]) -> Any:
    """Without the nulls that stand in a struct for keys that are not there; raises UnicodeDecodeError.

    Infinite numbers are added to `bad_numbers`.
    """
    if isinstance(value, dict):
        return {key: to_json_value(item, bad_numbers) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [to_json_value(item, bad_numbers) for item in value]
    if isinstance(value, float):
        if math.isinf(value):
            bad_numbers.append(str(value))
        return None if math.isnan(value) else value  # data frames write NaN for a cell without a value
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, date | time):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int) else str(value)


def _is_text(value: Any) -> bool:
    try:
        to_json_value(value, [])
    except UnicodeDecodeError:
        return False
    return True
