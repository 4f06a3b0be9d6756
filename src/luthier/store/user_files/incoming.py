"""Pieces of a file that arrive become a file on disk with its length and SHA-256, in the memory of one piece."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from luthier.store.files import translate_disk_errors

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO


class Incoming:
    """Its methods block: on the disk, which may be slow, and on the arithmetic of the digest."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.size_bytes = 0
        self._file = file
        self._sha256 = hashlib.sha256()

    @property
    def digest(self) -> str:
        """The SHA-256 of what has been written."""
        return self._sha256.hexdigest()

    def write(self, piece: bytes) -> None:
        """Raises DiskFull."""
        with translate_disk_errors(self.path):
            self._file.write(piece)
        self.size_bytes += len(piece)
        self._sha256.update(piece)

    def finish(self) -> None:
        """All that was written can be read at `path`."""
        with translate_disk_errors(self.path):
            self._file.flush()
