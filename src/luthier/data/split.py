"""A Dataset becomes three that share no prompt, and these become a folder of files that can be read back."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from luthier.data.dataset import Dataset
from luthier.data.dealing import SplitFractions, deal_examples
from luthier.data.reading import load_dataset
from luthier.errors import FileMissing, InvalidDataset, LuthierError, NameTaken
from luthier.store.files import replace_folder

if TYPE_CHECKING:
    from pathlib import Path

SIDES = ("train", "validation", "test")
MANIFEST = "manifest.json"
EVEN_TENTHS = SplitFractions(train=0.8, validation=0.1, test=0.1)
FORMAT = 1
"""Version of the folder's layout; a reader of a later one knows what it has before it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What was split, and how: enough to do it again."""

    name: str
    fingerprint: str
    fractions: SplitFractions


@dataclass(frozen=True, slots=True)
class Splits:
    """No prompt stands on two sides. `origin` is None when the files were written or edited by hand."""

    train: Dataset
    validation: Dataset
    test: Dataset
    seed: int = 0
    origin: Origin | None = None

    @property
    def sides(self) -> dict[str, Dataset]:
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = {"kind": "splits", "format": FORMAT, "seed": self.seed}
        for side, dataset in self.sides.items():
            manifest[side] = {"rows": len(dataset.examples), "fingerprint": dataset.fingerprint}
        if self.origin:
            manifest["source"] = {"name": self.origin.name, "fingerprint": self.origin.fingerprint}
            manifest["fractions"] = self.origin.fractions._asdict()
        return manifest


def split_dataset(dataset: Dataset, *, seed: int = 0, fractions: SplitFractions = EVEN_TENTHS) -> Splits:
    """The same rows, seed and fractions give the same splits, in whatever order the rows stand."""
    hands = deal_examples(dataset.examples, seed=seed, fractions=fractions)
    train, validation, test = (
        Dataset(f"{dataset.name}-{side}", dataset.path, tuple(hand)) for side, hand in zip(SIDES, hands, strict=True)
    )
    return Splits(train, validation, test, seed, Origin(dataset.name, dataset.fingerprint, fractions))


def write_splits(splits: Splits, folder: Path) -> None:
    """All files or none, even when the process is killed; a folder that holds these very files is left alone.

    Raises NameTaken rather than replace what Luthier did not write, and that includes files edited since.
    """
    files = {f"{side}.jsonl": to_jsonl(dataset) for side, dataset in splits.sides.items()}
    files[MANIFEST] = json.dumps(splits.manifest(), indent=2, ensure_ascii=False) + "\n"
    if _holds_exactly(folder, files):
        return
    _refuse_foreign(folder)
    with replace_folder(folder) as new:
        for name, text in files.items():
            (new / name).write_text(text, encoding="utf-8", newline="\n")


def load_splits(path: Path, *, seed: int = 0) -> Splits:
    """A folder with train.jsonl, validation.jsonl and test.jsonl as it stands, or one file, split by `seed`.

    Raises FileMissing, or InvalidDataset with every bad row of all three files, or with every prompt on two
    sides. Files edited since they were written are welcome; the splits then have no origin.
    """
    if not path.is_dir():
        return split_dataset(load_dataset(path), seed=seed)
    sides = _load_sides(path)
    splits = Splits(sides["train"], sides["validation"], sides["test"], seed)
    _refuse_leaks(splits)
    return _restore_origin(splits, path)


def to_jsonl(dataset: Dataset) -> str:
    rows = (json.dumps(example.to_row(), ensure_ascii=False) for example in dataset.examples)
    return "".join(f"{row}\n" for row in rows)


def _holds_exactly(folder: Path, files: dict[str, str]) -> bool:
    try:
        names = {file.name for file in folder.iterdir()}
        return names == set(files) and all(
            (folder / name).read_bytes() == text.encode() for name, text in files.items()
        )
    except OSError:
        return False


def _refuse_foreign(folder: Path) -> None:
    hint = "name another folder, or delete this one first"
    if folder.exists() and not folder.is_dir():
        raise NameTaken(f"{folder} is a file", hint=hint)
    names = {file.name for file in folder.iterdir()} if folder.exists() else set()
    foreign = sorted(names - {MANIFEST, *(f"{side}.jsonl" for side in SIDES)})
    if foreign:
        raise NameTaken(f"{folder} holds other files, such as {foreign[0]}", hint=hint)
    if names and not _is_as_written(folder):
        raise NameTaken(f"{folder} holds splits that were made or edited by hand", hint=hint)


def _is_as_written(folder: Path) -> bool:
    try:
        return load_splits(folder).origin is not None
    except LuthierError:
        return False


def _load_sides(folder: Path) -> dict[str, Dataset]:
    missing = [f"{side}.jsonl" for side in SIDES if not (folder / f"{side}.jsonl").is_file()]
    if missing:
        hint = "a split has train.jsonl, validation.jsonl and test.jsonl; `luthier split FILE` makes them"
        raise FileMissing(f"{folder} lacks {', '.join(missing)}", hint=hint)
    sides: dict[str, Dataset] = {}
    invalid: list[InvalidDataset] = []
    for side in SIDES:
        try:
            sides[side] = load_dataset(folder / f"{side}.jsonl", minimum=1)
        except InvalidDataset as error:
            invalid.append(error)
    if invalid:
        message = "; ".join(error.message for error in invalid)
        raise InvalidDataset(message, rows=[row for error in invalid for row in error.rows], hint=invalid[0].hint)
    return sides


def _refuse_leaks(splits: Splits) -> None:
    seen: dict[str, tuple[str, int]] = {}
    leaks: list[str] = []
    for side, dataset in splits.sides.items():
        for example in dataset.examples:
            first_side, line = seen.setdefault(example.prompt_fingerprint, (side, example.line))
            if first_side != side:
                leaks.append(f"{side}.jsonl:{example.line}: the prompt is also in {first_side}.jsonl:{line}")
    if leaks:
        count = f"{len(leaks)} prompt{'s' if len(leaks) > 1 else ''}"
        hint = "a model must not be tested on what it was trained on; keep each prompt in one file"
        raise InvalidDataset(f"{count} on two sides of the split", rows=leaks, hint=hint)


def _restore_origin(splits: Splits, folder: Path) -> Splits:
    """The manifest counts only as long as every file still has the fingerprint that it names."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        source, fractions = manifest["source"], SplitFractions(**manifest["fractions"])
        origin = Origin(source["name"], source["fingerprint"], fractions)
        restored = replace(splits, seed=manifest["seed"], origin=origin)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return _rename_sides(splits, folder.name)
    if restored.manifest() != manifest:
        return _rename_sides(splits, folder.name)
    return _rename_sides(restored, origin.name)


def _rename_sides(splits: Splits, name: str) -> Splits:
    train, validation, test = (replace(dataset, name=f"{name}-{side}") for side, dataset in splits.sides.items())
    return replace(splits, train=train, validation=validation, test=test)
