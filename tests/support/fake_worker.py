"""A worker in a process of its own, whose trainers are fake:

    python -m tests.support.fake_worker HOME URL MACHINE OPTIONS

An empty MACHINE is this one; another name stands for a machine that nobody here can see into. OPTIONS, as JSON, change
the usual ones.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.jobs.liveness import identify_process
from luthier.jobs.worker import Worker, WorkerOptions
from luthier.settings import Settings
from tests.support.fake_trainer import command_for, wait_for_database

if TYPE_CHECKING:
    from types import FrameType

OPTIONS = WorkerOptions(lease_seconds=3.0, attempts=2, nice=1, poll_seconds=0.05, stop_seconds=3600.0)
"""Nobody is killed for being slow to stop: what ends has ended by itself."""


def main(home: str, database_url: str, machine: str, changes: str) -> None:
    settings = Settings(home=Path(home), database_url=database_url)
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    here = identify_process()
    worker = Worker(
        wait_for_database(settings),
        lambda job: command_for(settings, job),
        logs=settings.home_path / "logs",
        options=OPTIONS._replace(**json.loads(changes)),
        here=here._replace(machine=machine) if machine else here,
    )
    worker.run_until(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
