"""A server that is busy is asked again and told so; what it refuses is an error that says what to do."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from luthier.errors import (
    InvalidConfig,
    InvalidRequest,
    KeyRefused,
    LuthierError,
    ServerUnavailable,
    UnknownArtefact,
    WrongState,
)
from luthier.remote.connection import TRIES, ServerConnection, read_origin

if TYPE_CHECKING:
    from collections.abc import Iterator


class Reply:
    def __init__(self, status: int, body: Any, **headers: str) -> None:
        self.status = status
        self.content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = headers


@contextmanager
def answering(*replies: Reply) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that gives these answers in turn, and the headers of what it was asked."""
    waiting, heard = list(replies), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append({name.lower(): value for name, value in self.headers.items()})
            self.rfile.read(int(self.headers.get("content-length") or 0))
            reply = waiting.pop(0)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", heard
    finally:
        server.shutdown()
        server.server_close()


def problem(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def test_a_busy_server_is_asked_again_after_the_time_that_it_names() -> None:
    waits: list[float] = []
    busy = Reply(429, problem("too much at once"), Retry_After="7")
    with answering(busy, Reply(503, problem("starting")), Reply(200, {"id": "x"})) as (url, heard):
        connection = ServerConnection(url, SecretStr("sk-1"), sleep=waits.append)
        assert connection.ask("POST", "/v1/things", body={"a": 1}) == {"id": "x"}
    assert waits == [7.0, 14.0]
    assert [headers["x-stainless-retry-count"] for headers in heard] == ["0", "1", "2"]
    assert {headers["authorization"] for headers in heard} == {"Bearer sk-1"}


def test_a_server_that_would_fail_again_is_not_asked_again() -> None:
    with answering(Reply(500, problem("it cannot be read"), x_should_retry="false")) as (url, heard):
        connection = ServerConnection(url, SecretStr("sk-1"), sleep=lambda _seconds: None)
        with pytest.raises(ServerUnavailable, match="it cannot be read"):
            connection.ask("POST", "/v1/things")
    assert len(heard) == 1


def test_a_server_that_stays_busy_is_given_up() -> None:
    replies = [Reply(503, problem("starting"))] * TRIES
    with answering(*replies) as (url, heard), pytest.raises(ServerUnavailable, match="starting"):
        ServerConnection(url, SecretStr("k"), sleep=lambda seconds: None).ask("POST", "/v1/x")
    assert len(heard) == TRIES


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, problem("Incorrect API key")), KeyRefused),
        (Reply(403, problem("not for members")), KeyRefused),
        (Reply(404, problem("no such job")), UnknownArtefact),
        (Reply(400, problem("ended already", "invalid_state")), WrongState),
        (Reply(400, problem("wrong")), InvalidRequest),
        (Reply(418, b"<html>"), InvalidRequest),
        (Reply(200, b"<html>"), ServerUnavailable),
        (Reply(200, ["a"]), ServerUnavailable),
        (Reply(302, b"", Location="http://127.0.0.1:9/"), InvalidRequest),
    ],
)
def test_what_is_refused_is_said_once(reply: Reply, kind: type[LuthierError]) -> None:
    with answering(reply) as (url, heard), pytest.raises(kind):
        ServerConnection(url, SecretStr("k")).ask("POST", "/v1/x")
    assert len(heard) == 1


@pytest.mark.parametrize("url", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"])
def test_an_address_may_be_the_servers_or_that_of_its_api(url: str) -> None:
    assert read_origin(url) == "http://h:1"


@pytest.mark.parametrize("url", ["h:1", "", "ftp://h", "http://user:secret@h"])
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidConfig) as refusal:
        read_origin(url)
    assert "secret" not in str(refusal.value)
