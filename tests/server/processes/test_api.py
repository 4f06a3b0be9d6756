"""A server that is stopped lets answers end, and tells those that take too long that they end here."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

import httpx2
import pytest

from luthier.server.processes.api import DrainingServer, configure_uvicorn
from luthier.server.processes.assignment import Assignment
from luthier.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

PATIENCE_SECONDS = 180


def build_app(begun: Event, may_end: Event) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun ", "more_body": True})
        begun.set()
        while not may_end.is_set():
            await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": str(scope["client"][0]).encode()})

    return answer


@contextmanager
def run(
    app: ASGIApp, *, give_up: Event, drain_seconds: float, is_behind_proxy: bool = False
) -> Iterator[tuple[DrainingServer, str]]:
    listener, started = socket.create_server(("127.0.0.1", 0)), Event()
    assignment = Assignment(-1, "", is_behind_proxy=is_behind_proxy)
    config = configure_uvicorn(app, assignment, settings=Settings(drain_seconds=drain_seconds))
    server = DrainingServer(config, announce=started.set, give_up=give_up.set, drain_seconds=drain_seconds)
    port = listener.getsockname()[1]
    thread = Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert started.wait(PATIENCE_SECONDS)
        yield server, f"http://127.0.0.1:{port}"
    finally:
        server.handle_exit(15, None)
        thread.join()


@pytest.mark.parametrize("takes_too_long", [False, True])
def test_answers_that_have_begun_end_or_are_told_to(takes_too_long: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("luthier.server.processes.api.LAST_WORDS_SECONDS", PATIENCE_SECONDS)
    begun, may_end, gave_up = Event(), Event(), Event()
    limit = 0.2 if takes_too_long else 3600
    with run(build_app(begun, may_end), give_up=may_end if takes_too_long else gave_up, drain_seconds=limit) as (
        server,
        address,
    ):
        bodies: list[str] = []
        client = Thread(target=lambda: bodies.append(httpx2.get(address, timeout=PATIENCE_SECONDS).text))
        client.start()
        assert begun.wait(PATIENCE_SECONDS)
        server.handle_exit(15, None)
        if not takes_too_long:
            may_end.set()
        client.join(PATIENCE_SECONDS)
        assert bodies == ["begun 127.0.0.1"]
        assert not gave_up.is_set()


@pytest.mark.parametrize(("is_behind_proxy", "believed"), [(True, "203.0.113.7"), (False, "127.0.0.1")])
def test_only_a_proxys_word_counts_for_who_the_client_is(is_behind_proxy: bool, believed: str) -> None:
    may_end = Event()
    may_end.set()
    with run(build_app(Event(), may_end), give_up=Event(), drain_seconds=1, is_behind_proxy=is_behind_proxy) as (
        _,
        address,
    ):
        headers = {"x-forwarded-for": "198.51.100.1, 203.0.113.7"}  # the first is what a client has written itself
        answer = httpx2.get(address, headers=headers, timeout=PATIENCE_SECONDS)
        assert answer.text == f"begun {believed}"
        assert "server" not in answer.headers
