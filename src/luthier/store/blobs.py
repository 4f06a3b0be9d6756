"""Bytes become a SHA-256 and the SHA-256 the same bytes again, on any storage that fsspec speaks to."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fsspec.core import url_to_fs

from luthier.errors import InvalidConfig, StoreDamaged, UnknownArtefact
from luthier.store.files import write_atomic

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class Storage(NamedTuple):
    """A file system and a folder of it."""

    files: AbstractFileSystem
    root: str


class BlobStore:
    """`url` is a local path or any fsspec address. Contents lie in folders of the first two hex digits."""

    def __init__(self, url: str) -> None:
        self._files, self._root = open_storage(url)

    def put(self, content: bytes) -> str:
        """The SHA-256 as 64 hex digits; the same content is kept once, and a damaged copy of it is mended."""
        digest = hashlib.sha256(content).hexdigest()
        place = self._place(digest)
        if self._files.exists(place) and self._files.cat_file(place) == content:
            return digest
        if "file" in self._files.protocol:
            write_atomic(Path(place), content)
        else:
            # An object store shows an object only once it is complete.
            self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(place, content)
        return digest

    def get(self, digest: str) -> bytes:
        """Raises UnknownArtefact when nothing is kept under `digest`, StoreDamaged when it does not match."""
        if not self.has(digest):
            raise UnknownArtefact(f"no content is kept under {digest!r}")
        place = self._place(digest)
        content = bytes(self._files.cat_file(place))
        if hashlib.sha256(content).hexdigest() != digest:
            raise StoreDamaged(
                f"{place}: the content no longer matches its SHA-256",
                hint="restore this file from a backup, or repeat the step that made it",
            )
        return content

    def has(self, digest: str) -> bool:
        # The pattern keeps a name such as ../../etc/passwd from ever becoming a path.
        return bool(re.fullmatch("[0-9a-f]{64}", digest)) and bool(self._files.exists(self._place(digest)))

    def _place(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}"


def open_storage(url: str) -> Storage:
    """Raises InvalidConfig for an address that cannot be used."""
    try:
        return Storage(*url_to_fs(url))
    except (ValueError, ImportError) as error:
        hint = "such as /data/blobs, or s3://bucket/folder with s3fs installed"
        raise InvalidConfig(f"storage_url {url!r} cannot be used: {error}", hint=hint) from error
