"""Versions of datasets: added, listed, shown, compared and written out again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from luthier.data.reading import load_dataset
from luthier.errors import UsageError
from luthier.pipeline.home import open_home

if TYPE_CHECKING:
    from luthier.data.dataset import Dataset
    from luthier.data.difference import Difference
    from luthier.data.versions import Addition, Version
    from luthier.store.home import Home


class VersionDetails(NamedTuple):
    version: Version
    rows: Dataset
    models: list[str]


class Comparison(NamedTuple):
    """`old` and `new` are versions, such as orders@2, or files."""

    old: str
    new: str
    difference: Difference


def add_data(file: Path | str, *, name: str | None = None, home: Home | None = None) -> Addition:
    """Keeps the rows of a file without errors as the next version of a dataset."""
    from luthier.data.versions import add_version

    return add_version(home or open_home(), load_dataset(Path(file), minimum=1), name)


def list_data(*, home: Home | None = None) -> list[Version]:
    """Every version of every dataset, by name, the latest first."""
    from luthier.data.versions import list_versions

    return list_versions(home or open_home())


def log_data(name: str, *, home: Home | None = None) -> list[Version]:
    """The versions of one dataset, the latest first."""
    from luthier.data.versions import find_versions

    return find_versions(home or open_home(), name)


def show_data(reference: str, *, home: Home | None = None) -> VersionDetails:
    """`NAME` or `NAME@2`, its rows, and the models that were trained on them."""
    from luthier.data.versions import find_version, list_models_of, read_version

    home = home or open_home()
    version = find_version(home, reference)
    return VersionDetails(version, read_version(home, version), list_models_of(home, version))


def write_data(reference: str, file: Path | str, *, home: Home | None = None) -> Version:
    """The rows of a version as a file."""
    from luthier.data.versions import find_version, write_version

    home = home or open_home()
    version = find_version(home, reference)
    write_version(home, version, Path(file))
    return version


def diff_data(old: str, new: str | None = None, *, home: Home | None = None) -> Comparison:
    """Both are `NAME@2`, `NAME` for the latest, or a file.

    One alone is compared with the latest, and the latest with the version before it.
    """
    from luthier.data.versions import find_version, find_versions

    home = home or open_home()
    if new is None:
        version = find_version(home, old)
        latest, *earlier = find_versions(home, version.name)
        if version == latest and not earlier:
            hint = f"compare it with a file: luthier data diff {version.name} FILE"
            raise UsageError(f"{version.name} has one version, and so nothing to compare it with", hint=hint)
        old, new = (earlier[0] if version == latest else version).title, latest.title
    return _compare(home, old, new)


def find_data(data: Path | str, *, home: Home | None = None) -> Path:
    """The path itself if it exists, or else a file with the rows of the version that is named so.

    A word that names neither is left to whoever reads the path. Raises UnknownArtefact for `NAME@2` that is not kept.
    """
    from luthier.data.versions import REFERENCE, find_version, list_versions, locate_version

    text, path = str(data), Path(data)
    found = REFERENCE.fullmatch(text)
    if path.exists() or not found or (path.suffix and not found["number"]):
        return path
    home = home or open_home()
    if not found["number"] and found["name"] not in {version.name for version in list_versions(home)}:
        return path
    return locate_version(home, find_version(home, text).title)


def _compare(home: Home, old: str, new: str) -> Comparison:
    from luthier.data.difference import compare_datasets

    (old, before), (new, after) = (_load(home, each) for each in (old, new))
    return Comparison(old, new, compare_datasets(before, after))


def _load(home: Home, data: str) -> tuple[str, Dataset]:
    from luthier.data.versions import find_version, read_version

    if Path(data).exists():
        return data, load_dataset(Path(data), minimum=1)
    version = find_version(home, data)
    return version.title, read_version(home, version)
