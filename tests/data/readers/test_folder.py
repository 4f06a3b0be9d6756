"""Data sets of Hugging Face, as `save_to_disk` writes them and as they lie on the hub."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from luthier.data.readers.folder import locate_files
from luthier.data.readers.reader import read_rows
from luthier.errors import FileMissing, UsageError


def write_saved(folder: Path, *shards: list[str]) -> None:
    """The layout of `Dataset.save_to_disk`, with the keys of its state.json."""
    folder.mkdir(parents=True)
    names = [f"data-{number:05d}-of-{len(shards):05d}.arrow" for number in range(len(shards))]
    for name, prompts in zip(names, shards, strict=True):
        table = pa.table({"prompt": prompts, "completion": prompts})
        with ipc.new_stream(folder / name, table.schema) as writer:
            writer.write_table(table)
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "ab", "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")


def write_hub(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table({"prompt": [name], "completion": [name]}), folder / name)


def prompts(path: Path) -> dict[int, str]:
    return {line.number: line.value["prompt"] for line in read_rows(path)}


def test_the_shards_of_a_saved_data_set_are_one_file(tmp_path: Path) -> None:
    write_saved(tmp_path / "set", ["a", "b"], ["c"], ["d", "e"])
    assert prompts(tmp_path / "set") == {1: "a", 2: "b", 3: "c", 4: "d", 5: "e"}


def test_one_of_several_saved_splits_has_to_be_named(tmp_path: Path) -> None:
    write_saved(tmp_path / "set" / "test", ["a"])
    write_saved(tmp_path / "set" / "train", ["b"])
    (tmp_path / "set" / "dataset_dict.json").write_text('{"splits": ["test", "train"]}')
    with pytest.raises(UsageError, match=r"set holds several splits: test, train$") as refused:
        prompts(tmp_path / "set")
    assert refused.value.hint == f"name one: {tmp_path / 'set' / 'train'}"
    assert prompts(tmp_path / "set" / "train") == {1: "b"}


def test_splits_on_the_hub_are_told_by_the_names_of_files(tmp_path: Path) -> None:
    write_hub(
        tmp_path,
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "data/test-00000-of-00001.parquet",
    )
    with pytest.raises(UsageError, match="several splits: test, train"):
        prompts(tmp_path)
    names = {1: "data/train-00000-of-00002.parquet", 2: "data/train-00001-of-00002.parquet"}
    assert prompts(tmp_path / "train") == prompts(tmp_path / "data" / "train") == names


def test_configurations_are_kept_apart(tmp_path: Path) -> None:
    write_hub(tmp_path, "en/train/0000.parquet", "de/train/0000.parquet", ".cache/x/0000.parquet")
    with pytest.raises(UsageError, match="several splits: de/train, en/train"):
        prompts(tmp_path)
    assert list(prompts(tmp_path / "en").values()) == ["en/train/0000.parquet"]


def test_a_single_split_needs_no_name(tmp_path: Path) -> None:
    write_hub(tmp_path, "default/train/0000.parquet", "default/train/0001.parquet")
    assert len(prompts(tmp_path)) == 2


def test_splits_may_be_text(tmp_path: Path) -> None:
    for side in ("train", "test"):
        (tmp_path / f"{side}.jsonl").write_text(json.dumps({"prompt": side, "completion": "b"}) + "\n")
    with pytest.raises(UsageError, match="several splits: test, train"):
        prompts(tmp_path)
    assert prompts(tmp_path / "train") == {1: "train"}


def test_a_folder_of_something_else_is_not_searched(tmp_path: Path) -> None:
    (tmp_path / "orders.jsonl").write_text("{}\n")
    (tmp_path / "state.json").write_text('{"_data_files": 7}')
    with pytest.raises(FileMissing, match="is a folder, not a file"):
        locate_files(tmp_path)


@pytest.mark.parametrize("state", ["", "[", "[1]", '{"_data_files": [{"filename": "../../secret.arrow"}]}'])
def test_a_state_that_was_tampered_with_leads_nowhere(tmp_path: Path, state: str) -> None:
    (tmp_path / "state.json").write_text(state)
    with pytest.raises(FileMissing):
        prompts(tmp_path)
