"""Splits are written whole or not at all, read back as they were, and refused when a prompt leaks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from luthier.data.reading import load_dataset
from luthier.data.splits.folder import find_written, load_splits, write_splits
from luthier.data.splits.options import SplitOptions
from luthier.data.splits.split import Splits, split_dataset
from luthier.errors import FileMissing, InvalidDataset, NameTaken
from tests.data.rows import ask, many, message, row, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    return split_dataset(load_dataset(write(tmp_path / "orders.jsonl", *many(40))), SplitOptions(seed=5))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_written_splits_are_read_back_as_they_were(splits: Splits, tmp_path: Path) -> None:
    write_splits(splits, tmp_path / "new" / "split")
    again = load_splits(tmp_path / "new" / "split")
    assert set(contents(tmp_path / "new" / "split")) == {
        "train.jsonl",
        "validation.jsonl",
        "test.jsonl",
        "manifest.json",
    }
    assert again.manifest() == splits.manifest()
    assert again.origin == splits.origin
    assert [side.name for side in again.sides.values()] == [
        "orders-train",
        "orders-validation",
        "orders-test",
    ]
    manifest = json.loads((tmp_path / "new" / "split" / "manifest.json").read_text())
    assert manifest["source"]["name"] == "orders"
    assert (manifest["format"], manifest["seed"], manifest["near"], manifest["stratify"]) == (2, 5, 0.8, "auto")
    assert manifest["fractions"] == {"train": 0.8, "validation": 0.1, "test": 0.1}
    assert [manifest[side]["rows"] for side in ("train", "validation", "test")] == [32, 4, 4]


def test_one_file_is_split_on_reading(splits: Splits, tmp_path: Path) -> None:
    assert load_splits(tmp_path / "orders.jsonl", SplitOptions(seed=5)).manifest() == splits.manifest()
    assert load_splits(tmp_path / "orders.jsonl").test.fingerprint != splits.test.fingerprint


def test_rewriting_the_same_split_touches_nothing(splits: Splits, tmp_path: Path) -> None:
    folder = tmp_path / "split"
    write_splits(splits, folder)
    before = {file.name: file.stat().st_ino for file in folder.iterdir()}
    write_splits(splits, folder)
    assert {file.name: file.stat().st_ino for file in folder.iterdir()} == before


def test_another_split_replaces_one_that_is_as_it_was_written(splits: Splits, tmp_path: Path) -> None:
    folder = tmp_path / "split"
    write_splits(splits, folder)
    other = load_splits(tmp_path / "orders.jsonl", SplitOptions(seed=6))
    write_splits(other, folder)
    assert load_splits(folder).manifest() == other.manifest()


@pytest.mark.parametrize("foreign", ["notes.txt", "train.jsonl"])
def test_foreign_files_are_never_replaced(foreign: str, splits: Splits, tmp_path: Path) -> None:
    (tmp_path / "split").mkdir()
    (tmp_path / "split" / foreign).write_text("mine")
    with pytest.raises(NameTaken):
        write_splits(splits, tmp_path / "split")
    assert contents(tmp_path / "split") == {foreign: b"mine"}


def test_edited_splits_and_files_are_never_replaced(splits: Splits, tmp_path: Path) -> None:
    folder = tmp_path / "split"
    write_splits(splits, folder)
    with (folder / "train.jsonl").open("a") as file:
        file.write(ask("one more") + "\n")
    edited = contents(folder)
    with pytest.raises(NameTaken, match="edited by hand"):
        write_splits(splits, folder)
    assert contents(folder) == edited
    with pytest.raises(NameTaken, match="is a file"):
        write_splits(splits, tmp_path / "orders.jsonl")


def test_an_empty_folder_is_used(splits: Splits, tmp_path: Path) -> None:
    (tmp_path / "split").mkdir()
    write_splits(splits, tmp_path / "split")
    assert load_splits(tmp_path / "split").origin == splits.origin


def test_a_write_that_dies_leaves_the_old_folder(
    splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "split"
    write_splits(splits, folder)
    before = contents(folder)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    other = load_splits(tmp_path / "orders.jsonl", SplitOptions(seed=6))
    monkeypatch.setattr("pathlib.Path.write_text", die)
    with pytest.raises(KeyboardInterrupt):
        write_splits(other, folder)
    assert contents(folder) == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["orders.jsonl", "split"]


@pytest.mark.parametrize("manifest", ["", "[]", "{", '{"seed": 1}', "[" * 100_000, '{"source": 1, "fractions": {}}'])
def test_edited_data_is_welcome_and_a_stale_manifest_does_not_count(
    manifest: str, splits: Splits, tmp_path: Path
) -> None:
    folder = tmp_path / "split"
    write_splits(splits, folder)
    (folder / "manifest.json").write_text(manifest)
    assert load_splits(folder).origin is None
    write_splits(splits, tmp_path / "other")
    write(tmp_path / "other" / "test.jsonl", ask("edited"))
    edited = load_splits(tmp_path / "other")
    assert (edited.origin, len(edited.test.examples)) == (None, 1)
    assert edited.test.name == "other-test"


def test_a_prompt_on_two_sides_is_refused_with_both_places(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", *many(20))
    write(tmp_path / "validation.jsonl", ask("new"))
    write(tmp_path / "test.jsonl", ask("newer"), ask("question 4", "another answer"), ask("new"))
    with pytest.raises(InvalidDataset, match="2 prompts on two sides") as leak:
        load_splits(tmp_path)
    assert leak.value.rows == (
        "test.jsonl:2: the prompt is also in train.jsonl:5",
        "test.jsonl:3: the prompt is also in validation.jsonl:1",
    )


def test_a_prompt_in_other_case_and_spacing_is_refused_too(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", *many(20))
    write(tmp_path / "validation.jsonl", ask("new"))
    write(tmp_path / "test.jsonl", ask(" Question  4."))
    with pytest.raises(InvalidDataset, match="1 prompt on two sides") as leak:
        load_splits(tmp_path)
    assert leak.value.rows == (
        "test.jsonl:1: the prompt is, but for case, spaces and punctuation, also in train.jsonl:5",
    )


def test_a_folder_of_the_first_format_is_read_and_split_again_as_it_was(tmp_path: Path, splits: Splits) -> None:
    folder = tmp_path / "split"
    write_splits(splits, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for key in ("group_by", "near", "stratify", "parent", "sha256"):
        del manifest[key]
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 1}))
    old = find_written(folder)
    assert old
    assert old.origin
    assert old.origin.options == SplitOptions(seed=5, near=None, stratify="off")
    again = split_dataset(load_dataset(tmp_path / "orders.jsonl"), old.origin.options, earlier=old)
    assert [side.fingerprint for side in again.sides.values()] == [side.fingerprint for side in old.sides.values()]
    write_splits(again, folder)
    assert find_written(folder)


def test_nothing_was_written_where_there_is_nothing(tmp_path: Path) -> None:
    assert find_written(tmp_path / "split") is None
    (tmp_path / "split").mkdir()
    assert find_written(tmp_path / "split") is None


def test_bad_rows_of_all_files_are_named_together(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", *many(3), "{")
    write(tmp_path / "validation.jsonl", ask("new"))
    write(tmp_path / "test.jsonl", row(message("user")))
    with pytest.raises(InvalidDataset) as error:
        load_splits(tmp_path)
    assert [sentence.partition(": ")[0] for sentence in error.value.rows] == ["train.jsonl:4", "test.jsonl:1"]


def test_a_folder_without_all_three_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", *many(20))
    with pytest.raises(FileMissing, match=r"lacks validation\.jsonl, test\.jsonl"):
        load_splits(tmp_path)
    with pytest.raises(FileMissing, match="no such file"):
        load_splits(tmp_path / "nothing")
