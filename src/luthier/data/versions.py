"""Datasets under a name become versions that never change: numbered, known by content, each naming the one before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from luthier.data.dataset import Dataset
from luthier.data.difference import compare_datasets
from luthier.data.reading import read_written
from luthier.data.splits.folder import to_jsonl
from luthier.errors import InvalidConfig, NameTaken, UnknownArtefact, UsageError, did_you_mean
from luthier.store.catalog import keep_artefact, list_artefacts
from luthier.store.files import write_atomic
from luthier.store.inventory import trace_lineage
from luthier.store.locks import locked

if TYPE_CHECKING:
    from datetime import datetime

    from luthier.store.catalog import Artefact
    from luthier.store.home import Home

KIND = "dataset"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
REFERENCE = re.compile(rf"(?P<name>{NAME.pattern})(@(?P<number>[1-9][0-9]{{0,8}}))?")


@dataclass(frozen=True, slots=True)
class Version:
    """`fingerprint` is that of its rows, `artefact` the one under which it is kept, `blob` where the rows are.

    `changes` are the counts of a `Difference` from its parent, the version with the number before.
    """

    name: str
    number: int
    rows: int
    fingerprint: str
    blob: str
    source: str
    changes: dict[str, int]
    artefact: str
    created_at: datetime

    @property
    def title(self) -> str:
        return f"{self.name}@{self.number}"


class Addition(NamedTuple):
    """`version` holds the rows; it is the `latest` and `is_new`, or these very rows were a version already."""

    version: Version
    is_new: bool
    latest: Version


def add_version(home: Home, dataset: Dataset, name: str | None = None) -> Addition:
    """`name` is made from the dataset's where it is None. Raises InvalidConfig for one that cannot be used."""
    name = _make_name(dataset.name) if name is None else name
    if not NAME.fullmatch(name):
        hint = "use letters, digits, dots, dashes and underscores"
        raise InvalidConfig(f"{name!r} cannot be a dataset's name", hint=hint)
    blob = home.blobs.put(to_jsonl(dataset).encode())
    with locked(home.data):
        earlier = [version for version in list_versions(home) if version.name == name]
        for version in earlier:
            if version.fingerprint == dataset.fingerprint:
                return Addition(version, is_new=False, latest=earlier[0])
        parent = earlier[0] if earlier else None
        before = read_version(home, parent) if parent else Dataset(name, dataset.path, ())
        number = parent.number + 1 if parent else 1
        manifest = {
            **dataset.manifest(),
            "name": name,
            "version": number,
            "source": dataset.path.name,
            "changes": compare_datasets(before, dataset).counts,
            "blob": blob,
        }
        title = f"{name}@{number}"
        parents = [parent.artefact] if parent else []
        keep_artefact(home.database, kind=KIND, name=title, manifest=manifest, parents=parents)
        version = find_version(home, title)
    return Addition(version, is_new=True, latest=version)


def list_versions(home: Home) -> list[Version]:
    """Of all datasets, by name, and of each the latest first."""
    versions = [_read_version(artefact) for artefact in list_artefacts(home.database, KIND)]
    return sorted(versions, key=lambda version: (version.name, -version.number))


def find_versions(home: Home, name: str) -> list[Version]:
    """Of one dataset, the latest first. Raises UnknownArtefact with the nearest names."""
    versions = list_versions(home)
    own = [version for version in versions if version.name == name]
    if not own:
        known = {version.name for version in versions}
        hint = did_you_mean(name, known) if known else "`luthier data add FILE` keeps the first one"
        raise UnknownArtefact(f"no dataset is called {name!r}", hint=hint)
    return own


def find_version(home: Home, reference: str) -> Version:
    """`NAME@2`, or `NAME` for the latest. Raises UsageError or UnknownArtefact."""
    found = REFERENCE.fullmatch(reference)
    if not found:
        raise UsageError(f"{reference!r} names no version", hint="write NAME, or NAME@2 for its second version")
    versions = find_versions(home, found["name"])
    if not found["number"]:
        return versions[0]
    for version in versions:
        if version.number == int(found["number"]):
            return version
    hint = f"its latest is {versions[0].title}"
    raise UnknownArtefact(f"{found['name']} has no version {found['number']}", hint=hint)


def find_by_rows(home: Home, fingerprint: str) -> list[Version]:
    """The versions, under whatever names, that hold the rows of a dataset."""
    return [version for version in list_versions(home) if version.fingerprint == fingerprint]


def read_version(home: Home, version: Version) -> Dataset:
    """The rows as they were added; lines count from 1 as in the file that `write_version` writes."""
    return read_written(home.blobs.get(version.blob), Path(f"{version.title}.jsonl"))


def write_version(home: Home, version: Version, path: Path) -> None:
    """Raises NameTaken rather than replace a file with another content."""
    content = home.blobs.get(version.blob)
    if path.is_dir():
        raise NameTaken(f"{path} is a folder", hint=f"name a file: {path / version.title}.jsonl")
    if path.exists() and path.read_bytes() != content:
        raise NameTaken(f"{path} exists already, with other content", hint="name another file, or delete it first")
    write_atomic(path, content)


def locate_version(home: Home, reference: str) -> Path:
    """A file with the rows of a version, for what reads files."""
    version = find_version(home, reference)
    path = home.data / f"{version.title}.jsonl"
    if not path.exists() or path.read_bytes() != home.blobs.get(version.blob):
        write_atomic(path, home.blobs.get(version.blob))
    return path


def list_models_of(home: Home, version: Version) -> list[str]:
    """The names of the models that were trained on rows of this version, the latest first."""
    return [
        model.name
        for model in list_artefacts(home.database, "model")
        if any(step["fingerprint"] == version.artefact for step in trace_lineage(home.database, model))
    ]


def _make_name(name: str) -> str:
    made = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:80]
    if not made:
        raise InvalidConfig(f"no name can be made from {name!r}", hint="give one with --name")
    return made


def _read_version(artefact: Artefact) -> Version:
    manifest = artefact.manifest
    return Version(
        name=manifest["name"],
        number=manifest["version"],
        artefact=artefact.fingerprint,
        created_at=artefact.created_at,
        **{key: manifest[key] for key in ("rows", "fingerprint", "blob", "source", "changes")},
    )
