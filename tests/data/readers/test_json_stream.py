"""Arrays and objects of any size and layout, whole and broken, one element at a time."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from luthier.data.readers import text_window
from luthier.data.readers.json_stream import parse_array, parse_objects

if TYPE_CHECKING:
    from luthier.data.jsonl import Line

ROWS = [{"number": number, "text": f'"]}}{{[ é 😀 \\ {"x" * number}'} for number in range(40)]
SMALL_CHUNKS = [1, 2, 5, 64]
LAYOUTS = [{}, {"indent": 2}, {"ensure_ascii": False}, {"indent": "\t", "ensure_ascii": False}]


def read_array(text: str | bytes) -> list[Line]:
    return list(parse_array(io.BytesIO(text.encode() if isinstance(text, str) else text)))


def values(lines: list[Line]) -> list[Any]:
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    return [line.value for line in lines]


@pytest.fixture(params=[*SMALL_CHUNKS, 1 << 20])
def chunk_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in pieces of this size, so that elements lie across their borders."""
    monkeypatch.setattr(text_window, "CHUNK_BYTES", request.param)


@pytest.mark.usefixtures("chunk_bytes")
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_arrays_of_every_layout_give_the_same_rows(layout: dict[str, Any]) -> None:
    text = json.dumps(ROWS, **layout)
    assert values(read_array(text)) == ROWS
    assert values(read_array(f" \r\n{text}\n\n")) == ROWS


@pytest.mark.usefixtures("chunk_bytes")
def test_objects_over_several_lines_are_told_apart() -> None:
    text = "\n".join(json.dumps(row, indent=1) for row in ROWS)
    assert values(list(parse_objects(io.BytesIO(text.encode())))) == ROWS


@pytest.mark.usefixtures("chunk_bytes")
def test_a_byte_order_mark_is_noted_on_the_first_row() -> None:
    lines = read_array("\ufeff" + json.dumps(ROWS))
    assert [line.has_mark for line in lines] == [True] + [False] * 39
    assert values(lines) == ROWS


@pytest.mark.usefixtures("chunk_bytes")
@pytest.mark.parametrize(
    ("broken", "reason", "column"),
    [
        ('{"a": 1 "b": 2}', "expecting ',' delimiter (line 2 of the file)", 9),
        ('{"a": [1}', "expecting ',' delimiter (line 2 of the file)", 9),
        ("nope", "expecting value (line 2 of the file)", 1),
        ('{\n"a": tru}', "expecting value (line 3 of the file)", 6),
    ],
)
def test_a_broken_element_does_not_hide_those_after_it(broken: str, reason: str, column: int) -> None:
    first, second, third = read_array(f'[{{"a": 0}},\n{broken},\n{{"a": 2}}]')
    assert (first.value, third.value) == ({"a": 0}, {"a": 2})
    assert second.syntax is not None
    assert (second.syntax.message, second.syntax.column) == (reason, column)


@pytest.mark.usefixtures("chunk_bytes")
@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("[]", []),
        ("[", ["the array is not closed, as if the file were cut off (line 1 of the file)"]),
        ('[{"a": 1}', [None, "the array is not closed, as if the file were cut off (line 1 of the file)"]),
        ('[{"a": 1},\n', [None, "there is no row after the last comma (line 2 of the file)"]),
        ('[{"a": 1},]', [None, "there is no row after the last comma (line 1 of the file)"]),
        ('[{"a": 1}, {"b": ', [None, "expecting value (line 1 of the file)"]),
        ('[{"a": 1}, {"b": "x', [None, "unterminated string starting at (line 1 of the file)"]),
        ('[{"a": 1} {"b": 2}]', [None, "expecting ',' before this row"]),
        ('[{"a": 1}]\n]', [None, "there is more after the end of the array (line 2 of the file)"]),
    ],
)
def test_an_array_that_is_cut_or_misjoined_says_where(text: str, reasons: list[str | None]) -> None:
    assert [line.syntax and line.syntax.message for line in read_array(text)] == reasons


@pytest.mark.usefixtures("chunk_bytes")
def test_what_is_no_object_is_still_an_element() -> None:
    assert values(read_array('[[1, 2], 3, "x", null, 12.5e3]')) == [[1, 2], 3, "x", None, 12500.0]


@pytest.mark.usefixtures("chunk_bytes")
def test_flaws_are_those_of_lines() -> None:
    deep = "[" * 300 + "]" * 300
    lines = read_array(f'[{{"a": NaN, "a": 1}}, {{"b": "\\ud83d"}}, {deep}, {{"c": 1}}]')
    assert lines[0].repeated_keys == ("a",)
    assert lines[0].bad_numbers == ("NaN",)
    assert lines[1].has_lone_surrogate
    assert lines[2].is_too_deep
    assert lines[3].value == {"c": 1}


@pytest.mark.usefixtures("chunk_bytes")
@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\0"])
def test_bytes_that_are_no_text_spoil_their_own_element(bad: bytes) -> None:
    first, second, third = read_array(b'["\xc3\xa9",\n"' + bad + b'", 3]')
    assert (first.value, second.value, third.value) == ("é", None, 3)
    assert second.bad_byte == (bad[0], 8)


def test_brackets_without_end_do_not_exhaust_the_stack() -> None:
    (line,) = read_array("[" * 200_000)
    assert line.is_too_deep


def test_a_value_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_window, "CHUNK_BYTES", 100)
    monkeypatch.setattr(text_window, "LONGEST_VALUE", 1000)
    lines = read_array('[{"a": 1}, {"b": "' + ", {}" * 1_000_000 + "]")
    assert [line.value for line in lines] == [{"a": 1}, None]
    assert lines[1].syntax is not None
