"""From raw rows to a split that training may trust."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from luthier.data.reading import load_dataset
from luthier.data.splits.folder import find_written, load_splits, write_splits
from luthier.data.splits.options import choose_options
from luthier.data.splits.split import split_dataset
from luthier.errors import NameTaken, UsageError
from luthier.pipeline.versions import find_data

if TYPE_CHECKING:
    from typing import Unpack

    from luthier.data.dataset import Dataset
    from luthier.data.splits.options import SplitChoices
    from luthier.data.splits.split import Splits


def split(
    file: Path | str,
    out: Path | str,
    *,
    like: Path | str | None = None,
    is_fresh: bool = False,
    **choices: Unpack[SplitChoices],
) -> Splits:
    """Writes train, validation and test files to the folder `out`: 80, 10 and 10 percent if nothing else is chosen.

    Rows of the split that stands there, or in the folder `like`, stay on their sides, unless `is_fresh`.
    """
    if like is not None and is_fresh:
        raise UsageError("a fresh split is like no other", hint="name an earlier split, or ask for a fresh one")
    earlier = load_splits(Path(like)) if like is not None else find_written(Path(out))
    before = earlier.origin.options if earlier and earlier.origin else None
    options = choose_options(choices, before, place=like or out, may_move=is_fresh)
    splits = split_dataset(load_dataset(find_data(file)), options, earlier=None if is_fresh else earlier)
    turnover = splits.summary.turnover if splits.summary else None
    if turnover is not None and turnover.kept == 0:
        hint = "name another folder, or deal all rows anew with --fresh"
        raise NameTaken(f"{like or out} holds a split of other rows, of which none is here", hint=hint)
    write_splits(splits, Path(out))
    return splits


def load_test_set(path: Path) -> Dataset:
    """A folder's test split, or all rows of a file."""
    path = find_data(path)
    return load_splits(path).test if path.is_dir() else load_dataset(path, minimum=1)
