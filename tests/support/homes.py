"""A folder becomes a home that has its database already: migrations are proved by tests of the store, not by each."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from luthier.settings import Settings
from luthier.store.database import open_database


def lay_out_home(folder: Path) -> Path:
    """A database that is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "luthier.db"
    if not database.exists():
        database.write_bytes(_migrate_once())
    return folder


@cache
def _migrate_once() -> bytes:
    with TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), database_url="")
        open_database(settings).close()
        return (settings.home_path / "luthier.db").read_bytes()
