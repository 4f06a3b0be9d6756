"""Whoever looks after workers goes on looking, and whoever trains goes on training, while the database has no room."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from luthier.errors import DiskFull
from luthier.jobs.desk import cancel_job, get_job
from luthier.jobs.job import ENDED
from luthier.jobs.liveness import BeatWatch, identify_process
from luthier.jobs.queue import claim_next, register_worker
from luthier.jobs.watchman import Watchman
from luthier.jobs.worker import Worker
from tests.support.fake_worker import OPTIONS
from tests.support.jobs import add_job, start_job, tell_story

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from luthier.jobs.hold import Hold
    from luthier.settings import Settings
    from luthier.store.database import Database

PATIENCE_SECONDS = 180

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
"""SQLite can be told that its file may not grow."""


@contextmanager
def no_room(db: Database, filled: Hold) -> Iterator[None]:
    """No event can be kept until the block ends, for `filled` has so many; what needs no room goes on."""

    def forbid_growth(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # as many as there are is the least

    event.listen(db.engine, "connect", forbid_growth)
    db.engine.dispose()
    for length in (1000, 100, 1):
        with suppress(DiskFull):
            while True:
                filled.add_event("info", "x" * length)
    yield
    event.remove(db.engine, "connect", forbid_growth)
    db.engine.dispose()
    cancel_job(db, filled.job_id)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_full_database_does_not_end_the_watch(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="luthier.jobs.watchman")
    filled = start_job(db, "worker_elsewhere").hold
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        gone = register_worker(db, identify_process(process.pid))
        job = add_job(db)
        assert claim_next(db, gone) is not None
    watchman = Watchman(db, BeatWatch(3600), here=identify_process(), pause_seconds=0.01)
    with no_room(db, filled):
        watchman.start()
        wait_until(lambda: "no room" in caplog.text)
        assert get_job(db, job.id).worker == gone
    wait_until(lambda: get_job(db, job.id).worker is None)
    watchman.stop()


def test_a_full_database_does_not_end_the_worker(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    worker = Worker(db, lambda _job: ["/bin/false"], logs=settings.home_path / "logs", options=OPTIONS)
    filled = start_job(db, "worker_elsewhere").hold
    job = add_job(db)
    is_full, stop = threading.Event(), threading.Event()

    def make_room_later() -> None:
        with no_room(db, filled):
            is_full.set()
            wait_until(lambda: "the database takes nothing" in caplog.text)
        wait_until(lambda: get_job(db, job.id).status in ENDED)
        stop.set()

    threading.Thread(target=make_room_later, daemon=True).start()
    assert is_full.wait(PATIENCE_SECONDS)
    worker.run_until(stop)
    assert sum("interrupted" in message for message in tell_story(db, job.id)) == OPTIONS.attempts + 1
