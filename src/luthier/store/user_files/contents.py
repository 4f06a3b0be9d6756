"""A finished file becomes the content of a stored file under its id, on any storage that fsspec speaks to."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.errors import DiskFull, MachineError, StoreDamaged
from luthier.store.blobs import open_storage
from luthier.store.files import DISK_FULL_HINT, place_file, replace_file, translate_disk_errors
from luthier.store.ids import is_id
from luthier.store.locks import hold_lock, is_locked, locked
from luthier.store.user_files.incoming import Incoming

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from luthier.store.home import Home

FILE_PREFIX = "file-"
PART_PREFIX = "part_"
UPLOAD_PREFIX = "upload_"

BLOCK_BYTES = 1 << 20
SPARE_BYTES = 64 << 20  # left free on the disk, where the database has to go on writing
RESTORE_HINT = "restore it from a backup, or delete the file and upload it again"


class Contents:
    """Each content lies under an id that nobody outside may choose, so that no name from outside becomes a path.

    It is not shared between files of equal bytes: what is deleted is gone, whoever uploads the same meanwhile.
    """

    def __init__(self, home: Home) -> None:
        self._files, root = open_storage(home.settings.resolved_storage_url)
        self._root = f"{root}/user-files"
        self._is_local = "file" in self._files.protocol
        here = Path(self._root) if self._is_local else home.path / "user-files"
        # On the disk of the contents, so that what has arrived is moved to its place rather than copied.
        self._incoming, self._copies = here / "incoming", here / "copies"

    @contextmanager
    def receive(self, expected_bytes: int = 0) -> Iterator[Incoming]:
        """A file to be filled, which is gone when the block ends unless it was kept.

        Raises DiskFull, also when `expected_bytes` would leave too little for the database.
        """
        path = self._incoming / os.urandom(12).hex()
        with translate_disk_errors(path):
            self._incoming.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self._incoming).free < expected_bytes + SPARE_BYTES:
                message = f"{self._incoming}: no room for {expected_bytes} bytes more"
                raise DiskFull(message, hint=DISK_FULL_HINT)
            with locked(self._incoming):
                handle = hold_lock(path)  # by this lock others see that somebody still writes it
            try:
                with path.open("wb") as file:
                    yield Incoming(path, file)
            finally:
                path.unlink(missing_ok=True)
                os.close(handle)

    def keep(self, incoming: Incoming, id: str) -> None:
        """Returns when the content would survive a power cut. Replaces what is there under the same id."""
        incoming.finish()
        place = self._place(id)
        with self._translate_errors(place):
            if self._is_local:
                place_file(incoming.path, Path(place))
            else:
                # An object store shows an object only once it is complete.
                self._files.makedirs(self._root, exist_ok=True)
                self._files.put_file(str(incoming.path), place)

    def open(self, id: str) -> BinaryIO:
        """To be closed. Raises StoreDamaged when the content is not there, though somebody knows its id."""
        place = self._place(id)
        with self._translate_errors(place):
            if self._is_local:
                return Path(place).open("rb")
            remote: BinaryIO = self._files.open(place, "rb")
            return remote

    def find_path(self, id: str, digest: str) -> Path:
        """A file on this machine with the content; raises StoreDamaged when it is not of that SHA-256."""
        path = Path(self._place(id)) if self._is_local else self._copies / id
        if not self._is_local and not path.exists():
            with self.open(id) as content, replace_file(path) as copy:
                shutil.copyfileobj(content, copy, BLOCK_BYTES)
        if not path.exists():
            raise StoreDamaged(f"{path}: the content is missing", hint=RESTORE_HINT)
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == digest:
                return path
        if not self._is_local:
            path.unlink()  # the next look fetches it again
        raise StoreDamaged(f"{path}: the content no longer matches its SHA-256", hint=RESTORE_HINT)

    def remove(self, id: str) -> None:
        """What is not there stays so."""
        place = self._place(id)
        (self._copies / id).unlink(missing_ok=True)
        with self._translate_errors(place), suppress(FileNotFoundError):
            self._files.rm_file(place)

    def list_kept(self) -> list[str]:
        """The ids of all contents, and of all copies of them on this machine."""
        kept = self._files.ls(self._root, detail=False) if self._files.exists(self._root) else []
        names = {str(entry).rpartition("/")[2] for entry in kept}
        names |= {copy.name for copy in self._copies.glob("*")}
        return sorted(name for name in names if is_id(name, FILE_PREFIX) or is_id(name, PART_PREFIX))

    def clear_incoming(self) -> int:
        """Removes what killed processes have left half-received, and says how many files that were."""
        if not self._incoming.exists():
            return 0
        with locked(self._incoming):
            left = [path for path in self._incoming.iterdir() if not is_locked(path)]
            for path in left:
                path.unlink(missing_ok=True)
        return len(left)

    def _place(self, id: str) -> str:
        return f"{self._root}/{id}"

    @contextmanager
    def _translate_errors(self, place: str) -> Iterator[None]:
        with translate_disk_errors(Path(place)):
            try:
                yield
            except FileNotFoundError as error:
                raise StoreDamaged(f"{place}: the content is missing", hint=RESTORE_HINT) from error
            except OSError as error:
                if self._is_local:
                    raise
                raise MachineError(f"{place}: the storage refuses: {error}", hint="see storage_url") from error
