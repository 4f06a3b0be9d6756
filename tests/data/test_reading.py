"""A sound file becomes a Dataset; any other becomes one error that names all its bad rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.data.reading import load_dataset
from luthier.errors import FileMissing, InvalidDataset
from tests.data.rows import many, message, row, write

if TYPE_CHECKING:
    from pathlib import Path


def test_sound_file_becomes_a_dataset_that_knows_its_lines(tmp_path: Path) -> None:
    rows = many(12)
    dataset = load_dataset(write(tmp_path / "orders.jsonl", *rows[:5], "", *rows[5:]))
    assert dataset.name == "orders"
    assert [example.line for example in dataset.examples] == [*range(1, 6), *range(7, 14)]


def test_all_bad_rows_are_named_in_one_error(tmp_path: Path) -> None:
    file = write(tmp_path / "orders.jsonl", *many(10), row(message("user")), "nonsense")
    with pytest.raises(InvalidDataset, match=r"orders\.jsonl has 2 errors") as error:
        load_dataset(file)
    assert error.value.rows == (
        "orders.jsonl:11: the last message is from user",
        "orders.jsonl:12: invalid JSON at column 1: expecting value",
    )
    assert "luthier check" in error.value.hint


def test_a_single_reason_gives_its_own_hint(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset) as error:
        load_dataset(write(tmp_path / "a.jsonl", *many(10), *[row(message("user"))] * 3))
    assert error.value.rows == ("a.jsonl:11, 12 and 13: the last message is from user",)
    assert error.value.hint == "end each example with an assistant message"


def test_too_few_rows_and_no_rows_are_errors(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", *many(9))
    with pytest.raises(InvalidDataset) as few:
        load_dataset(file)
    assert few.value.rows == ("a.jsonl: the file has 9 rows, and at least 10 are needed",)
    assert len(load_dataset(file, minimum=1).examples) == 9
    with pytest.raises(InvalidDataset) as none:
        load_dataset(write(tmp_path / "b.jsonl"), minimum=0)
    assert none.value.rows == ("b.jsonl: the file has no rows",)
    assert none.value.hint.startswith("write rows such as")


def test_missing_file_is_not_an_invalid_one(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        load_dataset(tmp_path / "nowhere" / "a.jsonl")
