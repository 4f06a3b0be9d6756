"""Each test of the queue runs on SQLite and on PostgreSQL, with a clock that ticks at each look."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from luthier.settings import Settings
from luthier.store.database import open_database
from tests.support.homes import lay_out_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from luthier.store.database import Database
    from tests.support.postgresql import PostgresqlServer


@pytest.fixture(scope="session")
def migrated_name(postgresql: PostgresqlServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty database with all tables, of which those of the tests are copies."""
    name = "migrated"
    url = postgresql.create_database(name)
    open_database(Settings(home=tmp_path_factory.mktemp("home"), database_url=url)).close()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    if request.param == "sqlite":
        return Settings(home=lay_out_home(home))
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    url = server.create_database(f"test_{secrets.token_hex(4)}", template=request.getfixturevalue("migrated_name"))
    return Settings(home=home, database_url=url)


@pytest.fixture
def clock() -> Callable[[], datetime]:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def tick() -> datetime:
        nonlocal now
        now += timedelta(seconds=1)
        return now

    return tick


@pytest.fixture
def db(settings: Settings, clock: Callable[[], datetime]) -> Iterator[Database]:
    database = open_database(settings, clock=clock)
    yield database
    database.close()
