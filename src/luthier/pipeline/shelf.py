"""What is kept in a home folder, wherever that is: on this machine, or behind a server."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from luthier.errors import UnknownArtefact
from luthier.pipeline import kept
from luthier.pipeline.home import open_home
from luthier.pipeline.servers import find_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.remote.luthier_server import LuthierServer
    from luthier.store.catalog import ModelRecord, RunRecord
    from luthier.store.home import Home

Kept = TypeVar("Kept", "ModelRecord", "RunRecord")


class Shelf(Protocol):
    def list_models(self) -> list[ModelRecord]:
        """The latest first."""
        ...

    def list_bases(self) -> dict[str, bool]:
        """The embedded bases, and whether each has been fetched."""
        ...

    def list_runs(self) -> list[RunRecord]:
        """The latest first."""
        ...

    def show(self, name: str) -> dict[str, Any]:
        """As `pipeline.show`."""
        ...


class HomeShelf:
    def __init__(self, home: Home) -> None:
        self._home = home

    def list_models(self) -> list[ModelRecord]:
        return kept.list_models(home=self._home)

    def list_bases(self) -> dict[str, bool]:
        return kept.list_bases(home=self._home)

    def list_runs(self) -> list[RunRecord]:
        return kept.list_runs(home=self._home)

    def show(self, name: str) -> dict[str, Any]:
        return kept.show(name, home=self._home)


class ServerShelf:
    def __init__(self, server: LuthierServer) -> None:
        self._server = server

    def list_models(self) -> list[ModelRecord]:
        from luthier.store.catalog import ModelRecord

        return [_restore(ModelRecord, row) for row in self._server.fetch_kept("models")["models"]]

    def list_bases(self) -> dict[str, bool]:
        return dict(self._server.fetch_kept("models")["bases"])

    def list_runs(self) -> list[RunRecord]:
        from luthier.store.catalog import RunRecord

        return [_restore(RunRecord, row) for row in self._server.fetch_kept("runs")["runs"]]

    def show(self, name: str) -> dict[str, Any]:
        return self._server.fetch_kept(f"kept/{name}")


@contextmanager
def open_shelf(address: str | None) -> Iterator[Shelf]:
    """That of the server which is named, or which the settings name, or of this machine."""
    home = open_home()
    server = find_server(address, settings=home.settings)
    if server is None:
        yield HomeShelf(home)
        return
    try:
        yield ServerShelf(server)
    finally:
        server.close()


def find_server_prompt(model: str, address: str | None) -> str | None:
    """What a tuned model of a server was told in every training example; None without a server, or for a base."""
    with open_shelf(address) as shelf, suppress(UnknownArtefact):
        if isinstance(shelf, ServerShelf):
            return shelf.show(model)["manifest"].get("system_prompt") or None
    return None


def _restore(kind: type[Kept], row: dict[str, Any]) -> Kept:
    values = {field.name: row[field.name] for field in fields(kind)}
    for name in ("created_at", "finished_at"):
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    return kind(**values)
