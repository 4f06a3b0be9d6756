"""A home whose clock stands until somebody moves it, and a job that needs files."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from luthier.jobs.desk import create_job
from luthier.jobs.job import JobDraft
from luthier.settings import Settings
from luthier.store.home import Home
from tests.support.homes import lay_out_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.postgresql import PostgresqlServer

    AddJob = Callable[..., str]


class Clock:
    """Ticks by a microsecond at each look."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.pass_seconds(0.000001)
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[Home]:
    home = Home(Settings(home=lay_out_home(tmp_path / "home")), clock=clock)
    yield home
    home.database.close()


@pytest.fixture(params=["disk", "object store", "postgresql"])
def any_home(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Home]:
    """Such a home as it is without settings, with contents in an object store, and with another database."""
    settings = {"home": tmp_path / "home"}
    if request.param == "object store":
        settings["storage_url"] = f"memory://{tmp_path}"
    if request.param == "postgresql":
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        settings["database_url"] = server.create_database(f"files_{secrets.token_hex(8)}")
    home = Home(Settings(**settings), clock=clock)
    yield home
    home.database.close()


@pytest.fixture
def add_job() -> AddJob:
    """A job that waits, and its id."""

    def add(home: Home, **files: str) -> str:
        draft = JobDraft(
            request={},
            model="m",
            base_model="m",
            method="supervised",
            hyperparameters={},
            **{"training_file": "file-of-others", **files},
        )
        return create_job(home.database, draft).id

    return add
