"""A folder with a data set of Hugging Face becomes the files of one of its splits, in their order."""

from __future__ import annotations

import json
import re
from itertools import chain
from pathlib import Path

from luthier.errors import FileMissing, UsageError

SPLITS_FILE, STATE_FILE = "dataset_dict.json", "state.json"
"""What `save_to_disk` writes: the first beside the folders of the splits, the second into each of them."""

COLUMNAR = (".parquet", ".arrow")
TEXT = (".jsonl", ".json", ".csv", ".tsv")
SHARD = re.compile(r"[-_.]?\d{4,}(-of-\d+)?$")
USUAL_SPLIT = re.compile(r"(train|valid|val|dev|eval|test)", re.IGNORECASE)
NO_ROWS_HINT = "name the .jsonl file inside it"

Splits = dict[str, list[Path]]


def locate_files(path: Path) -> list[Path]:
    """The path itself if it is a file. `FOLDER/train` names a split also where it is not a folder of its own.

    Raises UsageError when there are several splits to choose from, FileMissing when a folder holds no data set.
    """
    if not path.is_dir():
        return [path] if path.exists() or not path.parent.is_dir() else _find_splits(path.parent).get(path.name, [path])
    splits = _find_splits(path)
    if not splits:
        raise FileMissing(f"{path} is a folder, not a file", hint=NO_ROWS_HINT)
    if len(splits) > 1:
        likely = min(splits, key=lambda name: (not name.startswith("train"), name))
        raise UsageError(f"{path} holds several splits: {', '.join(splits)}", hint=f"name one: {path / likely}")
    return next(iter(splits.values()))


def _find_splits(folder: Path) -> Splits:
    """Hugging Face's own list where there is one, else what the names of the files tell."""
    names = _read_json(folder / SPLITS_FILE).get("splits")
    if isinstance(names, list):
        return {str(name): _list_shards(folder / str(name)) for name in names}
    shards = _list_shards(folder)
    return {folder.name: shards} if shards else _group_files(folder)


def _list_shards(folder: Path) -> list[Path]:
    shards = _read_json(folder / STATE_FILE).get("_data_files")
    if not isinstance(shards, list) or not all(isinstance(shard, dict) for shard in shards):
        return []
    return [folder / Path(str(shard.get("filename"))).name for shard in shards]


def _read_json(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _group_files(folder: Path) -> Splits:
    """Down to `data/train-00000-of-00002.parquet` and `default/train/0000.parquet`, as they lie on the hub."""
    splits: Splits = {}
    patterns = (f"{depth}*{suffix}" for depth in ("", "*/", "*/*/") for suffix in COLUMNAR + TEXT)
    for file in sorted(chain.from_iterable(folder.glob(pattern) for pattern in patterns)):
        place = file.relative_to(folder)
        stem = SHARD.sub("", file.stem)
        is_data = file.suffix in COLUMNAR or bool(USUAL_SPLIT.match(stem or file.parent.name))
        if is_data and not any(part.startswith(".") for part in place.parts):
            parts = [part for part in place.parts[:-1] if part != "data"]
            splits.setdefault("/".join([*parts, stem] if stem else parts) or folder.name, []).append(file)
    return splits
