"""Splits are kept by content, so that a model's data can be found again after its files have changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.conversation import fingerprint_json
from luthier.data.reading import read_written
from luthier.data.splits.dealing import SIDES
from luthier.data.splits.folder import read_origin, rename_sides, to_jsonl
from luthier.data.splits.split import Splits
from luthier.data.versions import REFERENCE, find_by_rows
from luthier.store.catalog import find_artefact, keep_artefact, list_artefacts

if TYPE_CHECKING:
    from luthier.store.home import Home

KIND = "splits"


def keep_splits(home: Home, splits: Splits) -> str:
    """The fingerprint under which all three sides are kept, their rows as blobs.

    Their parents are the versions that hold what was split, and the split whose rows stayed, as far as they are kept.
    """
    manifest = splits.manifest()
    for side, dataset in splits.sides.items():
        manifest[side]["blob"] = home.blobs.put(to_jsonl(dataset).encode())
    source = splits.origin.name if splits.origin else splits.train.name.removesuffix("-train")
    # What was split out of orders@2 is not called so too, or the version could not be found by its name.
    version = REFERENCE.fullmatch(source)
    name = version["name"] if version else source
    parents = _find_parents(home, splits)
    return keep_artefact(home.database, kind=KIND, name=name, manifest=manifest, parents=parents)


def read_splits(home: Home, fingerprint: str) -> Splits:
    """What `keep_splits` kept, with its origin; lines count from 1 on each side.

    Raises UnknownArtefact for what is not kept any more, StoreDamaged for what has been altered.
    """
    artefact = find_artefact(home.database, fingerprint)
    manifest = artefact.manifest
    train, validation, test = (
        read_written(home.blobs.get(manifest[side]["blob"]), Path(f"{artefact.name}-{side}.jsonl")) for side in SIDES
    )
    origin = read_origin(manifest) if "source" in manifest else None
    return rename_sides(Splits(train, validation, test, origin), origin.name if origin else artefact.name)


def _find_parents(home: Home, splits: Splits) -> list[str]:
    origin = splits.origin
    if origin is None:
        return []
    versions = [version.artefact for version in find_by_rows(home, origin.fingerprint)]
    earlier = [
        artefact.fingerprint
        for artefact in list_artefacts(home.database, KIND)
        if origin.parent and fingerprint_json(_drop_blobs(artefact.manifest)) == origin.parent
    ]
    return [*versions, *earlier]


def _drop_blobs(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest as it stands in the folder of the split."""
    dropped = dict(manifest)
    for side in SIDES:
        dropped[side] = {key: value for key, value in manifest[side].items() if key != "blob"}
    return dropped
