"""Files become SHA-256 digests, which is how weights are told apart."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class FileState(NamedTuple):
    """What a file has otherwise once it is written to, or replaced."""

    device: int
    inode: int
    size: int
    changed_nanoseconds: int


def digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_weights(folder: Path) -> str:
    """One digest over the folder's safetensors files in order of their names.

    A file is read once in a process: the weights of a large base take longer to digest than to load.
    """
    digests = [_digest_as_it_is(path, read_file_state(path)) for path in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def read_file_state(path: Path) -> FileState:
    found = path.stat()
    return FileState(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=1024)
def _digest_as_it_is(path: Path, state: FileState) -> str:
    return digest_file(path)
