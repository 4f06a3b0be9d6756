"""Jobs that wait in the database are trained on this machine, and whoever asked is told how they ended."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from luthier.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from luthier.jobs.job import Job
    from luthier.store.home import Home

SECONDS_BETWEEN_LOOKS = 1.0

LOG = logging.getLogger(__name__)


def work(home: Home, *, stop: Event, on_start: Callable[[], None] = lambda: None) -> None:
    """Until `stop` is set; training then keeps a checkpoint, and its jobs go back to the queue.

    For the main thread: what it starts ends with it. A database that is away for a while is waited for.
    """
    from luthier.jobs.worker import Worker, WorkerOptions

    if not _wait_for_database(home, stop):
        return
    settings = home.settings
    options = WorkerOptions(
        lease_seconds=settings.job_lease_seconds, attempts=settings.job_attempts, nice=settings.training_nice
    )
    worker = Worker(home.database, build_trainer_command, logs=home.path / "logs" / "jobs", options=options)
    with _deliver_webhooks(home):
        on_start()
        worker.run_until(stop)


def build_trainer_command(job: Job) -> list[str]:
    # With -P a file of the user's called random.py does not take the place of Python's own.
    return [sys.executable, "-P", "-m", "luthier.pipeline.fine_tuning", job.id, str(job.attempt)]


def _wait_for_database(home: Home, stop: Event) -> bool:
    """Whether it is there, which it may not be while a whole rack is started; not when `stop` comes first."""
    is_told = False
    while not stop.is_set():
        try:
            with home.database.reading():
                return True
        except DatabaseUnavailable as error:
            if not is_told:
                LOG.warning("waiting for the database: %s", error.message)
            is_told = True
            stop.wait(SECONDS_BETWEEN_LOOKS)
    return False


@contextmanager
def _deliver_webhooks(home: Home) -> Iterator[None]:
    """Beside the block; what it leaves behind waits for the next worker."""
    from luthier.jobs.webhooks import Courier

    stop = Event()
    thread = Thread(target=Courier(home).run_until, args=(stop,), name="luthier-courier", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
