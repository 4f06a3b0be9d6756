"""The process that holds the models: it answers on a socket of this machine and knows no clients."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.engine.process.allocator import limit_arenas
from luthier.engine.process.service import EngineService
from luthier.pipeline.embedding import TextEmbedder
from luthier.pipeline.engines import start_local_engine
from luthier.server.processes.assignment import read_assignment
from luthier.server.processes.child import catch_stop, leave, run_child, tell_ready

if TYPE_CHECKING:
    from luthier.store.home import Home


def answer_requests(home: Home) -> None:
    limit_arenas()
    assignment, stop = read_assignment(), catch_stop()
    with closing(start_local_engine(home, assignment.engine)) as engine:
        service = EngineService(engine, TextEmbedder(home), path=Path(assignment.engine_socket))
        tell_ready(assignment.ready_fd)
        service.serve_until(stop)


if __name__ == "__main__":
    leave(run_child("engine", answer_requests))
