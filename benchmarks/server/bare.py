"""The yardstick: what Starlette and uvicorn can do on this machine with answers that cost nothing to make.

Run as a program, as the server's own processes are.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from luthier.server.processes.api import DrainingServer, configure_uvicorn
from luthier.server.processes.assignment import read_assignment
from luthier.server.processes.child import tell_ready
from luthier.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

EVENT = 'data: {"choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}\n\n'
FILLING = "x" * 500
"""An answer is then about as long as a job's."""


async def echo(request: Request) -> JSONResponse:
    return JSONResponse(await request.json())


async def show(request: Request) -> JSONResponse:
    return JSONResponse({"id": request.path_params["id"], "object": "thing", "data": FILLING})


async def stream(request: Request) -> StreamingResponse:
    order = await request.json()
    return StreamingResponse(speak(order["words"], order["pause_seconds"]), media_type="text/event-stream")


async def speak(words: int, pause_seconds: float) -> AsyncIterator[str]:
    for _ in range(words):
        await asyncio.sleep(pause_seconds)
        yield EVENT
    yield "data: [DONE]\n\n"


async def swallow(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": sum([len(piece) async for piece in request.stream()])})


APP = Starlette(
    routes=[
        Route("/echo", echo, methods=["POST"]),
        Route("/things/{id}", show),
        Route("/stream", stream, methods=["POST"]),
        Route("/swallow", swallow, methods=["POST"]),
    ]
)


def main() -> None:
    assignment = read_assignment()
    server = DrainingServer(
        configure_uvicorn(APP, assignment, settings=Settings(drain_seconds=1)),
        announce=partial(tell_ready, assignment.ready_fd),
        give_up=lambda: None,
        drain_seconds=1,
    )
    server.run([socket.socket(fileno=assignment.listener_fd)])


if __name__ == "__main__":
    main()
