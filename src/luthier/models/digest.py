"""Files become SHA-256 digests, which is how weights are told apart."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_weights(folder: Path) -> str:
    """One digest over the folder's safetensors files in order of their names."""
    digests = [digest_file(path) for path in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
