"""A server that runs notes in its home where it answers, so that commands send its admin's key to nobody else.

An address alone says nothing: once a server has ended, another user's program may listen on its port.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from luthier.store.files import translate_disk_errors
from luthier.store.locks import hold_lock, is_locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from luthier.settings import Settings
    from luthier.store.home import Home

PATTERN = "serving-*.json"


class _Note(NamedTuple):
    origin: str
    machine: list[str]


@contextmanager
def note_server(home: Home, url: str) -> Iterator[None]:
    """As long as the block lasts, or this process lives: the note counts while its lock is held."""
    for old in home.keys.glob(PATTERN):
        if not is_locked(old):
            old.unlink(missing_ok=True)
    path = home.keys / PATTERN.replace("*", secrets.token_hex(8))
    with translate_disk_errors(path):
        handle = hold_lock(path)
        os.fchmod(handle, 0o600)
        os.write(handle, json.dumps(_Note(_read_origin(url), _name_machine())._asdict()).encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def list_own_servers(settings: Settings) -> list[str]:
    """Such as `http://127.0.0.1:8000`: where servers of this home answer on this machine."""
    notes = [_read_note(path) for path in (settings.home_path / "keys").glob(PATTERN) if is_locked(path)]
    return sorted(note.origin for note in notes if note is not None and note.machine == _name_machine())


def _read_note(path: Path) -> _Note | None:
    """None for one that is just being written, or has just gone."""
    try:
        return _Note(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _read_origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _name_machine() -> list[str]:
    """A home may be shared among machines, whose loopback addresses are not the same."""
    from luthier.jobs.liveness import identify_process

    here = identify_process()
    return [here.host, here.machine]
