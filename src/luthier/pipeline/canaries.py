"""From a file, or a folder of splits, to the same with canaries among its training rows."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from luthier.data.reading import load_dataset
from luthier.data.splits.folder import load_splits, to_jsonl, write_splits
from luthier.errors import NameTaken
from luthier.pipeline.versions import find_data

if TYPE_CHECKING:
    from luthier.data.dataset import Dataset

DEFAULT_COUNT = 10


class Planted(NamedTuple):
    """`out` holds `rows` training rows, the last `canaries` of which are such; `secrets` says which."""

    out: Path
    secrets: Path
    rows: int
    canaries: int


def plant_canaries(
    data: Path | str, out: Path | str, *, count: int = DEFAULT_COUNT, seed: int | None = None
) -> Planted:
    """Of a folder, only the train split gets any: a test must not ask for secrets. The same secrets for the same seed.

    Raises NameTaken rather than replace what stands at `out` or beside it.
    """
    from luthier.data.canaries import plant_canaries as plant
    from luthier.data.canaries import write_canaries
    from luthier.store.files import write_atomic

    source, out = find_data(data), Path(out)
    secrets = out.with_name(f"{out.name.removesuffix('.jsonl')}.canaries.json")
    for path in (out, secrets):
        if path.exists():
            raise NameTaken(f"{path} exists already", hint="name another place with --out, or delete it first")
    splits = load_splits(source) if source.is_dir() else None
    train: Dataset = splits.train if splits else load_dataset(source, minimum=1)
    dice = random.SystemRandom() if seed is None else random.Random(seed)
    planting = plant(train, count, dice)
    write_canaries(planting.canaries, secrets)
    if splits:
        write_splits(replace(splits, train=planting.dataset, origin=None), out)
    else:
        write_atomic(out, to_jsonl(planting.dataset))
    return Planted(out, secrets, len(planting.dataset.examples), len(planting.canaries))
