"""Content becomes a file or folder that is complete or absent, and a disk's refusal an error with a hint."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from luthier.errors import DISK_FULL_ERRNOS, DiskFull, MachineError
from luthier.store.locks import hold_lock, is_locked, locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

DISK_FULL_HINT = "free some space, or point LUTHIER_HOME at a larger disk"
NOT_WRITABLE_HINT = "make it writable, or point LUTHIER_HOME at a folder that is yours"
TEMPORARY = ".tmp"
NOT_WRITABLE_ERRNOS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def write_atomic(path: Path, content: str | bytes, *, mode: int = 0o666) -> None:
    """A reader sees the old file or all of the new one, also after a power cut; text is written as UTF-8.

    Missing folders are created; `mode` is less what the umask takes. Raises DiskFull or MachineError, and then leaves
    things as they were.
    """
    with replace_file(path, mode=mode) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replace_file(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """As `write_atomic`, for what is too large to be in memory: the file becomes `path` when the block ends well."""
    temporary = path.with_name(f".{secrets.token_hex(8)}{TEMPORARY}")
    with translate_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb", opener=partial(os.open, mode=mode)) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _flush(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def clear_unfinished(folder: Path) -> None:
    """Removes the half-written files of writers that were killed, where nobody else writes just now."""
    for path in folder.glob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder that becomes `path` when the block ends well, and is removed when it fails.

    What stood at `path` stands until then. What killed processes left beside it is cleared away first.
    Raises DiskFull or MachineError, also for what the disk refuses inside the block.
    """
    with open_scratch(path) as fresh:
        yield fresh
        for entry in [fresh, *fresh.rglob("*")]:
            _flush(entry)
        with locked(path.parent):
            _swap(fresh, path)


@contextmanager
def open_scratch(path: Path) -> Iterator[Path]:
    """Yields an empty hidden folder beside `path`, on the same disk, that is gone when the block ends.

    What killed processes left there is cleared away first. Raises as `replace_folder` does.
    """
    with translate_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.parent):
            _clear_leftovers(path)
            claim = path.with_name(f".{path.name}.{secrets.token_hex(8)}.claim")
            handle = hold_lock(claim)  # by this lock others see that the maker of the folder lives
            fresh = claim.with_suffix(".new")
            fresh.mkdir()
        try:
            yield fresh
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
            claim.unlink(missing_ok=True)
            os.close(handle)


def place_file(finished: Path, path: Path) -> None:
    """Moves a file that is complete to `path`, on the same disk, where it then survives a power cut."""
    _flush(finished)
    finished.replace(path)
    _flush(path.parent)


def is_read(path: Path, source: Path) -> bool:
    """Whether writing to `path` would change `source`: the same file, however named or linked, or one in a folder."""
    if path.exists() and source.exists() and path.samefile(source):
        return True
    return source.is_dir() and path.resolve().is_relative_to(source.resolve())


@contextmanager
def translate_disk_errors(path: Path) -> Iterator[None]:
    """Raises DiskFull naming `path` when there is no room, MachineError naming its folder when it is closed.

    Any other error passes unchanged. Understands safetensors, which wraps the system's error in its own.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = _system_error_number(error)
        if number in DISK_FULL_ERRNOS:
            raise DiskFull(f"{path}: no room: {os.strerror(number).lower()}", hint=DISK_FULL_HINT) from error
        if number in NOT_WRITABLE_ERRNOS:
            message = f"{path.parent}: cannot write here: {os.strerror(number).lower()}"
            raise MachineError(message, hint=NOT_WRITABLE_HINT) from error
        raise


def _system_error_number(error: OSError | SafetensorError) -> int:
    """0 for an error that did not come from the system."""
    if isinstance(error, OSError):
        return error.errno or 0
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else 0


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _swap(fresh: Path, path: Path) -> None:
    former = fresh.with_suffix(".old")
    if path.exists():
        path.rename(former)
    fresh.rename(path)
    _flush(path.parent)
    shutil.rmtree(former, ignore_errors=True)


def _clear_leftovers(path: Path) -> None:
    name = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}\.claim")
    claims = [entry for entry in path.parent.iterdir() if name.fullmatch(entry.name)]
    for claim in [claim for claim in claims if not is_locked(claim)]:
        former = claim.with_suffix(".old")
        if former.exists() and not path.exists():
            former.rename(path)  # its owner was killed between the two renames of a swap
        shutil.rmtree(former, ignore_errors=True)
        shutil.rmtree(claim.with_suffix(".new"), ignore_errors=True)
        claim.unlink(missing_ok=True)
