"""Evals of a server, from files on this machine: brought there, run there, and waited for."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from luthier.errors import InvalidConfig
from luthier.pipeline.evals.importing import read_evals, read_run
from luthier.pipeline.home import open_home
from luthier.pipeline.servers import find_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from luthier.remote.luthier_server import LuthierServer

POLL_SECONDS = 0.5
WAITING = ("queued", "in_progress")


class EvalDesk:
    def __init__(self, server: LuthierServer) -> None:
        self._server = server

    def import_evals(self, path: Path, *, judge: str | None = None) -> list[dict[str, Any]]:
        """The evals as the server made them. All are read before the first is made."""
        return [self._server.create_eval(body) for body in read_evals(path, judge=judge)]

    def list_evals(self) -> list[dict[str, Any]]:
        return self._server.list_evals()

    def list_runs(self, eval_id: str) -> list[dict[str, Any]]:
        return self._server.list_eval_runs(eval_id)

    def run(
        self,
        eval_id: str,
        path: Path,
        *,
        model: str | None = None,
        data: Path | None = None,
        tell: Callable[[dict[str, Any]], None] = lambda run: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> dict[str, Any]:
        """Until it has ended; `tell` hears of it whenever it has come further. `data` takes the place of its rows."""
        body = read_run(path, model=model)
        if data is not None:
            file_id = self._server.upload_file(data, purpose="evals")
            body["data_source"]["source"] = {"type": "file_id", "id": file_id}
        run = self._server.create_eval_run(eval_id, body)
        tell(run)
        while run["status"] in WAITING:
            sleep(POLL_SECONDS)
            before, run = run, self._server.get_eval_run(eval_id, run["id"])
            if run["result_counts"] != before["result_counts"]:
                tell(run)
        return run


@contextmanager
def open_evals(address: str | None) -> Iterator[EvalDesk]:
    """Those of the server that is named, or that the settings name. Raises InvalidConfig without one."""
    server = find_server(address, settings=open_home().settings)
    if server is None:
        raise InvalidConfig(
            "evals are kept and run by a server, and none is named",
            hint="start `luthier serve`, and add --server http://127.0.0.1:8000 or set LUTHIER_SERVER",
        )
    try:
        yield EvalDesk(server)
    finally:
        server.close()
