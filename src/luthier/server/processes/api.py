"""The process that speaks HTTP, on a socket that the supervisor keeps open while one such process follows another."""

from __future__ import annotations

import asyncio
import math
import socket
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import uvicorn

from luthier.engine.process_engine import ProcessEngine
from luthier.pipeline.grading import build_sandbox
from luthier.server.app import create_app
from luthier.server.forwarding import ForwardedClient
from luthier.server.gradings import Gradings
from luthier.server.processes.assignment import read_assignment
from luthier.server.processes.child import run_child, tell_ready
from luthier.server.processes.patient_http import build_protocol
from luthier.server.processes.readiness import build_checks
from luthier.server.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.types import ASGIApp

    from luthier.server.processes.assignment import Assignment
    from luthier.settings import Settings
    from luthier.store.home import Home

KEEP_ALIVE_SECONDS = 75
"""Longer than most proxies and clients keep a connection, so that they are the ones to close it."""

ENGINE_SECONDS = 30.0
"""For an engine that is there to be found, before anybody is answered; what needs none is answered without one."""

LAST_WORDS_SECONDS = 3.0
"""For clients to be told that their answers end here."""

LONGEST_TURN_SECONDS = 30.0
"""Of the event loop, which is else back within milliseconds."""

BACKLOG = 2048


class DrainingServer(uvicorn.Server):
    """Tells when it accepts connections, and ends well when it is told to: uvicorn's own ends by the signal then.

    Answers that have begun have `drain_seconds` to end. What is left is failed by `give_up`, so that its client is told
    so and does not just lose the connection.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        announce: Callable[[], None],
        give_up: Callable[[], None],
        drain_seconds: float,
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._give_up = give_up
        self._drain_seconds = drain_seconds
        self._turned_at = time.monotonic()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # In a thread of its own, since it may wait for others.
        giving_up = Thread(target=self._give_up, name="luthier-drain", daemon=True)
        timer = asyncio.get_running_loop().call_later(self._drain_seconds, giving_up.start)
        try:
            await super().shutdown(sockets=sockets)
        finally:
            timer.cancel()

    async def on_tick(self, counter: int) -> bool:
        self._turned_at = time.monotonic()
        return await super().on_tick(counter)

    def is_turning(self) -> bool:
        """Whether the event loop does, which answers all requests; for another thread."""
        return self.should_exit or time.monotonic() - self._turned_at < LONGEST_TURN_SECONDS

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True


def answer_clients(home: Home) -> None:
    assignment = read_assignment()
    listener = socket.socket(fileno=assignment.listener_fd)
    with closing(ProcessEngine(Path(assignment.engine_socket))) as engine:
        services = Services(
            home=home,
            engine=engine,
            embed=engine.embed,
            checks=build_checks(home, engine),
            gradings=Gradings(build_sandbox(home)),
            own_hosts=frozenset(assignment.own_hosts),
        )
        server: DrainingServer = DrainingServer(
            configure_uvicorn(create_app(services), assignment, settings=home.settings),
            announce=partial(
                announce_with_engine, engine, lambda: tell_ready(assignment.ready_fd, is_well=server.is_turning)
            ),
            give_up=engine.close,
            drain_seconds=home.settings.drain_seconds,
        )
        engine.wait_until_connected(ENGINE_SECONDS)  # whoever connects meanwhile waits, and is not told that it is away
        server.run([listener])


def announce_with_engine(engine: ProcessEngine, announce: Callable[[], None]) -> None:
    """Returns at once. Who is told the address may ask for a chat right then, so nobody is told it before one works."""

    def wait_and_announce() -> None:
        engine.wait_until_connected()
        announce()

    Thread(target=wait_and_announce, name="luthier-ready", daemon=True).start()


def configure_uvicorn(app: ASGIApp, assignment: Assignment, *, settings: Settings) -> uvicorn.Config:
    """Behind a proxy its word counts for who the client is: nobody else can reach the server then."""
    return uvicorn.Config(
        ForwardedClient(app) if assignment.is_behind_proxy else app,
        loop="uvloop",
        http=build_protocol(settings.client_patience_seconds),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # uvicorn's own reading believes the first address, which is the client's to write
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds + LAST_WORDS_SECONDS),
    )


if __name__ == "__main__":
    sys.exit(run_child("api", answer_clients))
