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


def hold_lock(path: Path, *, waits: bool = True) -> int:
    """As `locked`, until the file descriptor that is returned is closed or the process ends.

    Raises BlockingIOError when somebody else holds the lock and it must not wait.
    """
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    return handle


def is_locked(path: Path) -> bool:
    """What does not exist is not locked, and is not made by asking."""
    if not path.exists():
        return False
    try:
        os.close(hold_lock(path, waits=False))
    except BlockingIOError:
        return True
    return False
