"""Jobs that wait in the database are trained on this machine, and whoever asked is told how they ended."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from luthier.jobs.job import Job
    from luthier.store.home import Home


def work(home: Home, *, stop: Event, on_start: Callable[[], None] = lambda: None) -> None:
    """Until `stop` is set; training then keeps a checkpoint, and its jobs go back to the queue.

    For the main thread: what it starts ends with it. A database that is away for a while is waited for.
    """
    from luthier.jobs.worker import Worker, WorkerOptions

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
