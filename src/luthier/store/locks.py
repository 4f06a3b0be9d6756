"""A path becomes a lock between processes: the kernel's, so that it dies with whoever holds it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Waits until nobody else holds the lock on `path`: a folder, or a file that is created when missing."""
    handle = hold_lock(path)
    try:
        yield
    finally:
        os.close(handle)


def hold_lock(path: Path) -> int:
    """As `locked`, until the file descriptor that is returned is closed or the process ends."""
    handle = _open(path)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def is_locked(path: Path) -> bool:
    handle = _open(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o666)
