"""Splits become a folder of files, and such a folder, or one file, becomes splits again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from luthier.data.reading import load_dataset, read_written
from luthier.data.splits.bonds import fingerprint_folded
from luthier.data.splits.dealing import SIDES
from luthier.data.splits.options import DEFAULTS, restore_options
from luthier.data.splits.split import Origin, Splits, split_dataset
from luthier.errors import FileMissing, InvalidDataset, LuthierError, NameTaken
from luthier.store.files import replace_folder

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.data.dataset import Dataset
    from luthier.data.splits.dealing import Side
    from luthier.data.splits.options import SplitOptions

MANIFEST = "manifest.json"
HASHES = "sha256"
"""Key of the manifest under which the files stand with their hashes; a file that has its own was not touched."""

NO_MANIFEST = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading raises where the file holds anything else."""


def write_splits(splits: Splits, folder: Path) -> None:
    """All files or none, even when the process is killed; a folder that holds these very files is left alone.

    Raises NameTaken rather than replace what Luthier did not write, and that includes files edited since.
    """
    files = {f"{side}.jsonl": to_jsonl(dataset) for side, dataset in splits.sides.items()}
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    manifest = {**splits.manifest(), HASHES: hashes}
    files[MANIFEST] = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    if _holds_exactly(folder, files):
        return
    find_written(folder)
    with replace_folder(folder) as new:
        for name, text in files.items():
            (new / name).write_text(text, encoding="utf-8", newline="\n")


def load_splits(path: Path, options: SplitOptions = DEFAULTS) -> Splits:
    """A folder with train.jsonl, validation.jsonl and test.jsonl as it stands, or one file, split by `options`.

    Raises FileMissing, or InvalidDataset with every bad row of all three files, or with every prompt on two
    sides. Files edited since they were written are welcome; the splits then have no origin.
    """
    if not path.is_dir():
        return split_dataset(load_dataset(path), options)
    sides = _load_sides(path)
    splits = Splits(sides["train"], sides["validation"], sides["test"])
    _refuse_leaks(splits)
    return _restore_origin(splits, path)


def find_written(folder: Path) -> Splits | None:
    """What Luthier wrote there; None where there is nothing yet.

    Raises NameTaken when the folder holds anything else, or splits that were edited since.
    """
    hint = "name another folder, or delete this one first"
    if folder.exists() and not folder.is_dir():
        raise NameTaken(f"{folder} is a file", hint=hint)
    names = {file.name for file in folder.iterdir()} if folder.exists() else set()
    foreign = sorted(names - {MANIFEST, *(f"{side}.jsonl" for side in SIDES)})
    if foreign:
        raise NameTaken(f"{folder} holds other files, such as {foreign[0]}", hint=hint)
    if not names:
        return None
    splits = _read_untouched(folder)
    if splits is None or splits.origin is None:
        raise NameTaken(f"{folder} holds splits that were made or edited by hand", hint=hint)
    return splits


def to_jsonl(dataset: Dataset) -> str:
    rows = (json.dumps(example.to_row(), ensure_ascii=False) for example in dataset.examples)
    return "".join(f"{row}\n" for row in rows)


def read_origin(manifest: Any) -> Origin:
    """Raises one of NO_MANIFEST for splits that were written or edited by hand."""
    source = manifest["source"]
    return Origin(source["name"], source["fingerprint"], restore_options(manifest), manifest.get("parent", ""))


def rename_sides(splits: Splits, name: str) -> Splits:
    train, validation, test = (replace(dataset, name=f"{name}-{side}") for side, dataset in splits.sides.items())
    return replace(splits, train=train, validation=validation, test=test)


def _holds_exactly(folder: Path, files: dict[str, str]) -> bool:
    try:
        names = {file.name for file in folder.iterdir()}
        return names == set(files) and all(
            (folder / name).read_bytes() == text.encode() for name, text in files.items()
        )
    except OSError:
        return False


def _read_untouched(folder: Path) -> Splits | None:
    """Without checking the rows anew; a manifest of the first format has no hashes, so then they are checked."""
    try:
        hashes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))[HASHES]
        contents = {side: (folder / f"{side}.jsonl").read_bytes() for side in SIDES}
        is_untouched = all(hashlib.sha256(c).hexdigest() == hashes[f"{s}.jsonl"] for s, c in contents.items())
    except (OSError, *NO_MANIFEST):
        is_untouched = False
    if is_untouched:
        train, validation, test = (read_written(contents[side], folder / f"{side}.jsonl") for side in SIDES)
        return _restore_origin(Splits(train, validation, test), folder)
    try:
        return load_splits(folder)
    except LuthierError:
        return None


def _load_sides(folder: Path) -> dict[Side, Dataset]:
    missing = [f"{side}.jsonl" for side in SIDES if not (folder / f"{side}.jsonl").is_file()]
    if missing:
        hint = "a split has train.jsonl, validation.jsonl and test.jsonl; `luthier split FILE` makes them"
        raise FileMissing(f"{folder} lacks {', '.join(missing)}", hint=hint)
    sides: dict[Side, Dataset] = {}
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
    """What nearly says the same is not looked for here: `luthier split` has done that, and `check --against` does."""
    seen: dict[str, tuple[str, int, str]] = {}
    leaks: list[str] = []
    for side, dataset in splits.sides.items():
        for example in dataset.examples:
            prompt = example.prompt_fingerprint
            folded = fingerprint_folded(example.conversation.prompt, example.conversation.tools)
            first_side, line, first_prompt = seen.setdefault(folded, (side, example.line, prompt))
            if first_side != side:
                likeness = "" if prompt == first_prompt else ", but for case, spaces and punctuation,"
                leaks.append(f"{side}.jsonl:{example.line}: the prompt is{likeness} also in {first_side}.jsonl:{line}")
    if leaks:
        count = f"{len(leaks)} prompt{'s' if len(leaks) > 1 else ''}"
        hint = "a model must not be tested on what it was trained on; keep each prompt in one file"
        raise InvalidDataset(f"{count} on two sides of the split", rows=leaks, hint=hint)


def _restore_origin(splits: Splits, folder: Path) -> Splits:
    """The manifest counts only as long as every file still has the fingerprint that it names."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        origin = read_origin(manifest)
    except (OSError, *NO_MANIFEST):
        return rename_sides(splits, folder.name)
    if any(manifest.get(side) != facts for side, facts in splits.manifest().items() if side in SIDES):
        return rename_sides(splits, folder.name)
    return rename_sides(replace(splits, origin=origin), origin.name)
