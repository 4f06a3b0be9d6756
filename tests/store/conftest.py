"""A home of its own for each test, a clock that ticks at each look, and processes without privileges."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from luthier.settings import Settings
from luthier.store.database import open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from luthier.store.database import Database

    RunPython = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


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


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Root may write everywhere, so a test of permissions becomes somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def run_python() -> RunPython:
    def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)

    return run
