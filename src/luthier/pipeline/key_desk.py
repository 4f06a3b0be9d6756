"""API keys are made, listed and taken back in the same words, on this machine or at a server."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from luthier.pipeline import keys
from luthier.pipeline.home import open_home
from luthier.pipeline.servers import find_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.remote.luthier_server import LuthierServer
    from luthier.store.home import Home
    from luthier.store.keys import Key, NewKey


class KeyDesk(Protocol):
    def create_key(self, role: str, *, name: str) -> NewKey:
        """As `pipeline.create_key`, and so for the others."""
        ...

    def list_keys(self) -> list[Key]: ...

    def revoke_key(self, key_id: str) -> Key: ...


class HomeKeys:
    def __init__(self, home: Home) -> None:
        self._home = home

    def create_key(self, role: str, *, name: str) -> NewKey:
        return keys.create_key(role, name=name, home=self._home)

    def list_keys(self) -> list[Key]:
        return keys.list_keys(home=self._home)

    def revoke_key(self, key_id: str) -> Key:
        return keys.revoke_key(key_id, home=self._home)


class ServerKeys:
    def __init__(self, server: LuthierServer) -> None:
        self._server = server

    def create_key(self, role: str, *, name: str) -> NewKey:
        from luthier.store.keys import NewKey

        made = self._server.create_key(role, name=name)
        return NewKey(made["key"], _read_key(made))

    def list_keys(self) -> list[Key]:
        return [_read_key(row) for row in self._server.list_keys()]

    def revoke_key(self, key_id: str) -> Key:
        return _read_key(self._server.revoke_key(key_id))


@contextmanager
def open_keys(address: str | None) -> Iterator[KeyDesk]:
    """Those of the server which is named, or which the settings name, or of this machine."""
    home = open_home()
    server = find_server(address, settings=home.settings)
    if server is None:
        yield HomeKeys(home)
        return
    try:
        yield ServerKeys(server)
    finally:
        server.close()


def _read_key(row: dict[str, Any]) -> Key:
    from luthier.store.keys import Key

    created, revoked = row["created_at"], row["revoked_at"]
    return Key(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        ending=row["ending"],
        created_at=datetime.fromtimestamp(created, UTC),
        revoked_at=None if revoked is None else datetime.fromtimestamp(revoked, UTC),
    )
