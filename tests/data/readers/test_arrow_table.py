"""Parquet and Arrow records: what JSON cannot hold, what is missing, and files that are cut."""

from __future__ import annotations

import datetime
import decimal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from luthier.data.readers.arrow_table import parse_arrow, parse_parquet
from luthier.data.readers.source import open_source
from luthier.errors import MachineError

if TYPE_CHECKING:
    from luthier.data.jsonl import Line


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows"


def read(path: Path) -> list[Line]:
    with open_source(path) as source:
        parse = parse_parquet if source.container == "Parquet" else parse_arrow
        return list(parse(source.file))


def read_cell(file: Path, cell: Any, type_: pa.DataType | None = None) -> Any:
    parquet.write_table(pa.table({"cell": pa.array([cell], type_)}), file)
    (line,) = read(file)
    return line.value["cell"]


def write_stream(table: pa.Table, file: Path) -> None:
    with ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, 7)


def write_arrow(table: pa.Table, file: Path) -> None:
    with ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, 7)


@pytest.mark.parametrize("write", [parquet.write_table, write_stream, write_arrow])
def test_records_are_numbered_through_all_batches(file: Path, write: Any) -> None:
    write(pa.table({"prompt": [f"p{number}" for number in range(2500)]}), file)
    lines = read(file)
    assert [line.number for line in lines] == list(range(1, 2501))
    assert lines[2499].value == {"prompt": "p2499"}


@pytest.mark.parametrize(
    ("cell", "type_", "value"),
    [
        (None, pa.string(), None),
        (7, pa.int64(), 7),
        (True, pa.bool_(), True),
        (1.5, pa.float64(), 1.5),
        (float("nan"), pa.float64(), None),
        (datetime.date(2024, 5, 4), pa.date32(), "2024-05-04"),
        (datetime.datetime(2024, 5, 4, 12, 30), pa.timestamp("us"), "2024-05-04T12:30:00"),
        (datetime.time(12, 30), pa.time64("us"), "12:30:00"),
        (decimal.Decimal("1.50"), pa.decimal128(5, 2), "1.50"),
        ("é".encode(), pa.binary(), "é"),
        ({"a": 1, "b": None, "c": [None, {"d": None}]}, None, {"a": 1, "c": [None, {}]}),
        ([("k", "v")], pa.map_(pa.string(), pa.string()), [["k", "v"]]),
        ("a", pa.dictionary(pa.int8(), pa.string()), "a"),
    ],
)
def test_every_type_has_its_place_in_json(file: Path, cell: Any, type_: pa.DataType | None, value: Any) -> None:
    assert read_cell(file, cell, type_) == value


def test_an_infinite_number_is_a_flaw(file: Path) -> None:
    parquet.write_table(pa.table({"x": [1.0, float("inf")]}), file)
    assert [line.bad_numbers for line in read(file)] == [(), ("inf",)]


def test_bytes_that_are_no_text_name_their_column(file: Path) -> None:
    parquet.write_table(pa.table({"text": ["a", "b"], "image": [b"\xff\xd8", b""]}), file)
    first, second = read(file)
    assert first.damage is not None
    assert first.damage.message == "the record holds bytes that are no text, in image"
    assert second.value == {"text": "b", "image": ""}


def test_text_in_json_is_parsed(file: Path) -> None:
    parquet.write_table(pa.table({"tools": ['[{"name": "now"}]'], "prompt": ["[1]"]}), file)
    (line,) = read(file)
    assert line.value == {"tools": [{"name": "now"}], "prompt": "[1]"}


@pytest.mark.parametrize("write", [parquet.write_table, write_stream, write_arrow])
def test_a_file_cut_anywhere_is_damaged_and_never_fatal(file: Path, write: Any) -> None:
    write(pa.table({"prompt": ["a" * 50] * 20, "number": list(range(20))}), file)
    whole = file.read_bytes()
    for end in range(8, len(whole) - 8, 41):
        file.write_bytes(whole[:end])
        lines = read(file)
        assert len(lines) <= 21
        assert all(line.value is not None for line in lines[:-1])


@pytest.mark.parametrize("write", [parquet.write_table, write_stream, write_arrow])
def test_a_flipped_byte_is_never_fatal(file: Path, write: Any) -> None:
    write(pa.table({"prompt": ["a" * 5] * 20, "number": list(range(20))}), file)
    whole = file.read_bytes()
    for place in range(8, len(whole), 53):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert read(file) is not None


def test_without_pyarrow_the_extra_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet.write_table(pa.table({"prompt": ["a"]}), file)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MachineError, match="need the library pyarrow") as refused:
        read(file)
    assert refused.value.hint == "pip install 'luthier[tables]'"
