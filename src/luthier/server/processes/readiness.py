"""What the API asks besides the database before it says that the server is ready: its engine and a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.errors import LuthierError
from luthier.jobs.desk import count_live_workers
from luthier.server.services import Check

if TYPE_CHECKING:
    from luthier.engine.process_engine import ProcessEngine
    from luthier.store.home import Home


def build_checks(home: Home, engine: ProcessEngine) -> tuple[Check, ...]:
    """The workers are known from the database alone: any machine may run one."""

    def find_engine_problem() -> str | None:
        return None if engine.is_connected else "the engine's process is not there"

    def find_worker_problem() -> str | None:
        seconds = home.settings.job_lease_seconds
        try:
            workers = count_live_workers(home.database, within_seconds=seconds)
        except LuthierError as error:
            return error.message
        return None if workers else f"no worker was heard of for {seconds:g} seconds"

    return Check("engine", find_engine_problem), Check("worker", find_worker_problem)
