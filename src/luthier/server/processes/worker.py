"""The process that works on jobs: it starts a trainer for each, and outlives whatever that does."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from luthier.pipeline.working import work
from luthier.server.processes.assignment import read_assignment
from luthier.server.processes.child import catch_stop, run_child, tell_ready

if TYPE_CHECKING:
    from luthier.store.home import Home


def work_on_jobs(home: Home) -> None:
    assignment, stop = read_assignment(), catch_stop()
    work(home, stop=stop, on_start=lambda: tell_ready(assignment.ready_fd))


if __name__ == "__main__":
    sys.exit(run_child("worker", work_on_jobs))
