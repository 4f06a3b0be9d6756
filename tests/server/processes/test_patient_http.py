"""Clients that never send or read what they should lose their connections, and nobody else does."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from luthier.server.processes.api import configure_uvicorn
from luthier.server.processes.assignment import Assignment
from luthier.server.processes.patient_http import LARGEST_HEAD_BYTES
from luthier.settings import Settings
from tests.support.api import build_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

PATIENCE_SECONDS = 180
SHORT_SECONDS = 0.5
SMALL_BYTES = 4096
HEAD = b"POST /v1/files HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"


@contextmanager
def listen(app: ASGIApp) -> Iterator[tuple[str, int]]:
    """With little room in the kernel for what a client does not read."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BYTES)
    settings = Settings(client_patience_seconds=SHORT_SECONDS, drain_seconds=0)
    server = uvicorn.Server(configure_uvicorn(app, Assignment(-1, ""), settings=settings))
    thread = Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def connect(address: tuple[str, int], request: bytes) -> Iterator[socket.socket]:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BYTES)
        client.settimeout(PATIENCE_SECONDS)
        client.connect(address)
        client.sendall(request)
        yield client


def read_to_end(client: socket.socket) -> bytes:
    """Until the server closes, kindly or not."""
    read = b""
    with suppress(ConnectionResetError):
        while piece := client.recv(1 << 16):
            read += piece
    return read


def send(client: socket.socket, content: bytes) -> None:
    """Or as much of it as the server wants to hear."""
    with suppress(BrokenPipeError, ConnectionResetError):
        client.sendall(content)


def send_without_end(client: socket.socket, piece: bytes, *, pause_seconds: float = 0.0) -> None:
    """Returns when the server has closed the connection, and else never."""
    with suppress(BrokenPipeError, ConnectionResetError):
        while True:
            client.sendall(piece)
            sleep(pause_seconds)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body to its end, and says that it did."""
    if scope["type"] != "http":
        return
    message = await receive()
    while message.get("more_body"):
        message = await receive()
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": b"done"})


def test_a_client_that_never_reads_gives_its_place_back(tmp_path: Path) -> None:
    api = build_api(tmp_path, answers={"smollm2-135m": lambda _: "word " * 20_000})
    body: dict[str, Any] = {"model": "smollm2-135m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    content = json.dumps(body).encode()
    key = f"authorization: Bearer {api.key}\r\n".encode()
    head = HEAD.replace(b"/v1/files", b"/v1/chat/completions") + key
    with listen(api.app) as address:
        request = head + b"content-length: %d\r\n\r\n" % len(content) + content
        with connect(address, request) as client:
            assert client.recv(12) == b"HTTP/1.1 200"
            assert api.services.chats.count == 1
            while api.services.chats.count:  # ends, though nobody will ever read the rest
                sleep(0.01)
            assert b"[DONE]" not in read_to_end(client)
    api.home.database.close()


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"POST /v1/fi",
        HEAD,
        HEAD + b"content-length: 100\r\n\r\n",
        HEAD + b"content-length: 100\r\n\r\n{",
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nab",
    ],
    ids=["nothing", "part of a line", "part of a head", "no body", "part of a body", "part of a chunk"],
)
def test_a_request_that_does_not_go_on_is_not_waited_for(begun: bytes) -> None:
    with listen(echo) as address, connect(address, begun) as client:
        assert read_to_end(client) == b""


def test_a_head_that_comes_in_drops_has_no_more_time_than_another() -> None:
    with listen(echo) as address, connect(address, HEAD) as client:
        send_without_end(client, b"x-more: 1\r\n", pause_seconds=SHORT_SECONDS / 20)


def test_an_answer_that_takes_its_time_is_waited_for() -> None:
    """Longer than a client that is silent on its turn may be, which the silent one beside it shows."""
    may_end = Event()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        while scope["type"] == "http" and not may_end.is_set():
            await asyncio.sleep(0.01)
        await echo(scope, receive, send)

    with listen(answer) as address, ExitStack() as clients:
        patient = clients.enter_context(connect(address, HEAD + b"content-length: 2\r\n\r\n{}"))
        for _ in range(2):
            assert read_to_end(clients.enter_context(connect(address, HEAD))) == b""
        may_end.set()
        assert read_to_end(patient).endswith(b"done\r\n0\r\n\r\n")


def test_a_body_that_never_ends_is_cut_off_after_an_early_answer(tmp_path: Path) -> None:
    api = build_api(tmp_path)
    with listen(api.app) as address, connect(address, HEAD + b"transfer-encoding: chunked\r\n\r\n") as client:
        assert client.recv(12) == b"HTTP/1.1 401"
        send_without_end(client, b"4\r\nabcd\r\n")
    api.home.database.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + b"x-more: " + b"1" * 4 * LARGEST_HEAD_BYTES, 431),
        (b"GET /" + b"a" * 4 * LARGEST_HEAD_BYTES, 431),
        (b"\r\n" * 4 * LARGEST_HEAD_BYTES, 431),
        (b"no HTTP\r\n\r\n", 400),
    ],
    ids=["header", "address", "empty lines", "no HTTP"],
)
def test_what_no_application_sees_is_refused_in_openais_form(request_: bytes, status: int) -> None:
    with listen(echo) as address, connect(address, b"") as client:
        sending = Thread(target=send, args=(client, request_))
        sending.start()
        head, _, body = read_to_end(client).partition(b"\r\n\r\n")
        sending.join()
    assert head.startswith(f"HTTP/1.1 {status}".encode())
    assert b"x-request-id: req_" in head
    assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}
