"""Work begins when it is said to, and ends when it is asked to."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from luthier.jobs.desk import count_live_workers
from luthier.pipeline.working import work
from luthier.settings import Settings
from luthier.store.home import Home

if TYPE_CHECKING:
    from pathlib import Path


def test_a_worker_is_known_while_it_works(home: Home) -> None:
    class StopAfterOneRound(Event):
        def wait(self, timeout: float | None = None) -> bool:
            seen.append(count_live_workers(home.database, within_seconds=60))
            self.set()
            return True

    seen: list[int] = []
    work(home, stop=StopAfterOneRound(), on_start=lambda: seen.append(-1))
    assert seen == [-1, 1]
    assert count_live_workers(home.database, within_seconds=60) == 0


def test_a_worker_waits_for_a_database_that_is_away_at_its_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop = Event()
    home = Home(Settings(home=tmp_path, database_url="postgresql://nobody@127.0.0.1:1/luthier"))
    worker = Thread(target=work, args=(home,), kwargs={"stop": stop, "on_start": lambda: pytest.fail("it has begun")})
    worker.start()
    while "waiting for the database" not in caplog.text:
        assert worker.is_alive()
        worker.join(0.05)
    stop.set()
    worker.join(300)
    assert not worker.is_alive()
