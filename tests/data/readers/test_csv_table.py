"""Tables in text: every usual delimiter, cells of several lines, and records that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.data.readers.csv_table import parse_table
from luthier.data.readers.source import open_source
from luthier.errors import InvalidDataset

if TYPE_CHECKING:
    from luthier.data.jsonl import Line


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def read(path: Path, content: str | bytes) -> list[Line]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with open_source(path) as source:
        return list(parse_table(source.file, path))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(table: Path, delimiter: str) -> None:
    lines = read(table, f'prompt{delimiter}completion\r\n"one, two; three"{delimiter}four\r\n')
    assert [line.value for line in lines] == [{"prompt": "one, two; three", "completion": "four"}]


def test_a_byte_order_mark_and_spaces_are_no_part_of_a_name(table: Path) -> None:
    (line,) = read(table, "\ufeffprompt, completion ,\na,b,0\n".encode())
    assert line.value == {"prompt": "a", "completion": "b", "column_3": "0"}
    assert not line.has_mark


def test_a_record_has_the_number_of_its_first_line(table: Path) -> None:
    lines = read(table, 'prompt,completion\n"a\n""b""\r\nc",d\n\ne,f\n')
    assert [(line.number, line.value) for line in lines if not line.is_blank] == [
        (2, {"prompt": 'a\n"b"\r\nc', "completion": "d"}),
        (6, {"prompt": "e", "completion": "f"}),
    ]
    assert [line.number for line in lines if line.is_blank] == [5]


def test_a_record_that_does_not_fit_is_named_and_the_next_is_read(table: Path) -> None:
    lines = read(table, 'prompt,completion\na\nb,c,d\ne,f,,\n"g" h,i\nj,"k\n')
    assert {line.number: line.damage and line.damage.message for line in lines} == {
        2: "the record has 1 cell, and the header has 2",
        3: "the record has 3 cells, and the header has 2",
        4: None,
        5: "a cell goes on behind the quote that closes it",
        6: "a quote that opens a cell of this record is never closed",
    }
    assert lines[2].value == {"prompt": "e", "completion": "f"}


@pytest.mark.parametrize(("bad", "value"), [(b"\xe9", 0xE9), (b"\0", 0)])
def test_bytes_that_are_no_text_spoil_their_own_record(table: Path, bad: bytes, value: int) -> None:
    first, second = read(table, b'prompt,completion\n"\xc3\xa9\n' + bad + b'",b\nc,d\n')
    assert first.bad_byte == (value, 22)
    assert second.value == {"prompt": "c", "completion": "d"}


def test_a_cell_may_be_longer_than_pythons_own_limit(table: Path) -> None:
    (line,) = read(table, f"prompt,completion\n{'x' * 500_000},b\n")
    assert len(line.value["prompt"]) == 500_000


def test_two_columns_of_one_name_are_refused(table: Path) -> None:
    with pytest.raises(InvalidDataset, match="two columns called 'prompt'"):
        read(table, "prompt,prompt\na,b\n")


def test_json_in_a_cell_is_parsed_where_it_has_a_place(table: Path) -> None:
    messages = '"[{""role"": ""user"", ""content"": ""a""}]"'
    (line,) = read(table, f'messages,prompt,tools\n{messages},"[{{""x"": 1}}]","[{{"\n')
    assert line.value == {"messages": [{"role": "user", "content": "a"}], "prompt": '[{"x": 1}]', "tools": "[{"}


def test_flaws_of_json_in_a_cell_are_flaws_of_the_record(table: Path) -> None:
    (line,) = read(table, 'id,messages\n1,"[{""role"": 1, ""role"": NaN}]"\n')
    assert line.repeated_keys == ("role",)
    assert line.bad_numbers == ("NaN",)


def test_a_header_alone_has_no_records(table: Path) -> None:
    assert read(table, "prompt,completion\n") == []
