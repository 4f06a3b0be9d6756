"""Splits are kept by content, so that a model's data can be found again after its files have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.data.split import to_jsonl
from luthier.store.catalog import keep_artefact

if TYPE_CHECKING:
    from luthier.data.split import Splits
    from luthier.store.home import Home


def keep_splits(home: Home, splits: Splits) -> str:
    """The fingerprint under which all three sides are kept, their rows as blobs."""
    manifest = splits.manifest()
    for side, dataset in splits.sides.items():
        manifest[side]["blob"] = home.blobs.put(to_jsonl(dataset).encode())
    name = splits.origin.name if splits.origin else splits.train.name.removesuffix("-train")
    return keep_artefact(home.database, kind="splits", name=name, manifest=manifest)
