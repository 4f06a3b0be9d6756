"""The process that holds the models: it answers on a socket of this machine and knows no clients."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.engine.process.allocator import limit_arenas
from luthier.engine.process.service import EngineService
from luthier.engine.protocol import Watched
from luthier.pipeline.embedding import TextEmbedder
from luthier.pipeline.engines import start_local_engine
from luthier.server.processes.assignment import read_assignment
from luthier.server.processes.child import catch_stop, leave, run_child, tell_ready

if TYPE_CHECKING:
    from luthier.engine.protocol import Engine
    from luthier.store.home import Home


def answer_requests(home: Home) -> None:
    limit_arenas()
    assignment, stop = read_assignment(), catch_stop()
    with closing(start_local_engine(home, assignment.engine)) as engine:
        service = EngineService(engine, TextEmbedder(home), path=Path(assignment.engine_socket))
        limit_seconds = home.settings.engine_step_seconds
        tell_ready(assignment.ready_fd, is_well=lambda: gets_on(engine, within_seconds=limit_seconds))
        service.serve_until(stop)


def gets_on(engine: Engine, *, within_seconds: float) -> bool:
    """Whether its last step has ended, or may still end: a call to a device that hangs never does."""
    return not isinstance(engine, Watched) or engine.busy_seconds < within_seconds


if __name__ == "__main__":
    leave(run_child("engine", answer_requests))
