"""Labels are read as people write them and as spreadsheets save them; what cannot be read is named by its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import FileMissing, InvalidDataset
from luthier.evaluation.judging.labels import HumanLabel, guard_cell, read_labels, unguard_cell

if TYPE_CHECKING:
    from pathlib import Path


def read(tmp_path: Path, content: str | bytes, name: str = "labels.csv") -> tuple[HumanLabel, ...]:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_labels(path)


def test_a_table_with_its_blank_rows_left_out(tmp_path: Path) -> None:
    first, second = read(tmp_path, "key,answer,passed,note\nk-1,yes it is,yes,\nk-2,no,,later\nk-3,no,NO ,wrong town\n")
    assert first == HumanLabel(2, True, "k-1", answer="yes it is")
    assert (second.row, second.passed, second.key) == (4, False, "k-3")


@pytest.mark.parametrize(
    "content",
    [
        b'\xef\xbb\xbfkey;answer;passed\r\nk-1;"a; b\nc";yes\r\n',
        b'Key\tAnswer\tPassed\nk-1\t"a; b\nc"\tpass\n',
        b'"key","answer","passed",""\n"k-1","a; b\nc","1","scribble"\n',
    ],
    ids=["semicolons", "tabs", "a column without a name"],
)
def test_what_spreadsheets_save_is_read(tmp_path: Path, content: bytes) -> None:
    (label,) = read(tmp_path, content)
    assert (label.passed, label.key, label.answer) == (True, "k-1", "a; b\nc")


def test_a_file_of_an_old_windows_is_read(tmp_path: Path) -> None:
    (label,) = read(tmp_path, "key,answer,passed\nk-1,Zürich – 5 €,no\n".encode("cp1252"))
    assert (label.answer, label.passed) == ("Zürich – 5 €", False)


def test_json_lines_name_the_case(tmp_path: Path) -> None:
    content = '{"line": 3, "passed": true}\n\n{"id": "c0ffee", "answer": "x", "passed": "wrong"}\n'
    assert read(tmp_path, content, "labels.jsonl") == (
        HumanLabel(1, True, line=3),
        HumanLabel(3, False, id="c0ffee", answer="x"),
    )


def test_every_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    content = '{"line": 3, "passed": "maybe"}\n{"passed": true}\n{"line": "x", "passed": true}\n[1]\n{"pased": 1}\n'
    with pytest.raises(InvalidDataset, match="5 of 5 labels cannot be read") as caught:
        read(tmp_path, content, "labels.jsonl")
    assert list(caught.value.rows) == [
        "labels.jsonl:1: passed says 'maybe'; write yes or no",
        "labels.jsonl:2: it does not say which answer it is about",
        "labels.jsonl:3: line says 'x'; write a number",
        "labels.jsonl:4: it is no JSON object",
        "labels.jsonl:5: 'pased' is no part of a label; did you mean passed?",
    ]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="cannot be read"):
        read_labels(tmp_path / "labels.csv")


@pytest.mark.parametrize("text", ["=1+1", "+41 79", "-3", "@SUM(A1)", "\tx", "plain", "'quoted'", "'=", ""])
def test_no_cell_is_a_formula_and_each_comes_back(text: str) -> None:
    assert not guard_cell(text).startswith(("=", "+", "-", "@", "\t"))
    assert unguard_cell(guard_cell(text)) == text
