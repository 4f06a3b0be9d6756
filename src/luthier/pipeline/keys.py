"""API keys are made, listed and taken back, and a home folder has one of its own from the server's first start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import InvalidConfig, MachineError, did_you_mean
from luthier.pipeline.home import open_home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from luthier.store.home import Home
    from luthier.store.keys import Key, NewKey

LONGEST_NAME = 100
OWN_KEY = "admin.key"


class OwnKey(NamedTuple):
    """The key that commands on this machine use by themselves; `path` is where it is kept, for its owner alone."""

    secret: str
    path: Path
    is_new: bool


def create_key(role: str, *, name: str = "", home: Home | None = None) -> NewKey:
    """A running server takes it at once. Raises InvalidConfig for a role that does not exist."""
    from luthier.store import keys

    known = next((each for each in keys.ROLES if each == role), None)
    if known is None:
        raise InvalidConfig(f"no role is called {role!r}", hint=did_you_mean(role, keys.ROLES))
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidConfig("a key's name is one short line", hint=f"{LONGEST_NAME} printable characters at most")
    return keys.create_key((home or open_home()).database, known, name=name)


def list_keys(*, home: Home | None = None) -> list[Key]:
    """The latest first, revoked ones among them."""
    from luthier.store import keys

    return keys.list_keys((home or open_home()).database)


def revoke_key(key_id: str, *, home: Home | None = None, sleep: Callable[[float], None] = time.sleep) -> Key:
    """When it returns no server takes the key any more. Raises UnknownArtefact."""
    from luthier.store import keys

    revoked = keys.revoke_key((home or open_home()).database, key_id)
    sleep(keys.REMEMBERED_SECONDS)
    return revoked


def ensure_own_key(home: Home) -> OwnKey:
    """The home folder's admin key, made where there is none or where the one that is there was revoked.

    Any number of processes may call this at once, and get the same key.
    """
    from luthier.store import keys
    from luthier.store.files import translate_disk_errors, write_atomic
    from luthier.store.locks import locked

    path = home.keys / OWN_KEY
    with translate_disk_errors(path), locked(path.parent):
        secret = read_own_key(home)
        if secret is not None and keys.find_key(home.database, secret) is not None:
            return OwnKey(secret, path, is_new=False)
        made = keys.create_key(home.database, "admin", name="made at the first start")
        write_atomic(path, f"{made.secret}\n", mode=0o600)
    return OwnKey(made.secret, path, is_new=True)


def read_own_key(home: Home) -> str | None:
    """None where no server has been started yet. Raises MachineError where the file is not for this user to read."""
    path = home.settings.home_path / "keys" / OWN_KEY
    try:
        return path.read_text("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    except PermissionError as error:
        hint = "run this as the user who runs the server, or set LUTHIER_SERVER_KEY to a key of your own"
        raise MachineError(f"{path}: not yours to read", hint=hint) from error
