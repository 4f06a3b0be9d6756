"""An OpenAI-compatible server on the loopback whose answers are scripted, one action after the other."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self


class Received(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """Sent as it stands. `is_cut` closes the connection without all that was announced; `gate` holds it back.

    `chunks` are sent one by one, with chunked transfer encoding; `gates` maps the number of a chunk to what holds it.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] | None = None
    is_cut: bool = False
    gate: threading.Event | None = None
    gates: dict[int, threading.Event] = field(default_factory=dict)


def answer(text: str | None = "hello", *, finish: str = "stop", usage: Any = ..., **message: Any) -> dict[str, Any]:
    """The body of a whole answer."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": finish,
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12} if usage is ... else usage,
    }


def part(
    content: str | None = None, *, finish: str | None = None, logprobs: Any = None, **delta: Any
) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish, "logprobs": logprobs}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def usage_part(prompt: int = 9, completion: int = 3, **details: Any) -> dict[str, Any]:
    return {"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion, **details}}


def event(value: Any) -> bytes:
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()) + b"\n\n"


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


def error_reply(status: int, message: str = "no", *, code: Any = None, param: Any = None, **headers: str) -> Reply:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
    return json_reply(body, status, **headers)


def stream_reply(*values: Any, is_cut: bool = False, gates: dict[int, threading.Event] | None = None) -> Reply:
    """Ends with `[DONE]` unless it is cut."""
    chunks = [event(value) for value in values] + ([] if is_cut else [event(b"[DONE]")])
    return Reply(
        headers={"Content-Type": "text/event-stream; charset=utf-8"}, chunks=chunks, is_cut=is_cut, gates=gates or {}
    )


class OpenAIServer:
    """Answers to `/chat/completions` come from `script`, the last one again and again; `models` is the list."""

    def __init__(self, *script: Reply, models: Reply | None = None) -> None:
        self.script = deque(script)
        self.models = models or json_reply({"object": "list", "data": [{"id": "m", "object": "model", "created": 5}]})
        self.paths: dict[str, Reply] = {}
        self.received: list[Received] = []
        self.aborted = threading.Event()
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def chats(self) -> list[Received]:
        return [request for request in self.received if request.path.endswith("/chat/completions")]

    def wait_for_chats(self, count: int, timeout_seconds: float) -> None:
        """Raises TimeoutError when so many requests have not come in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.chats) >= count, timeout_seconds):
                raise TimeoutError(f"{len(self.chats)} of {count} requests came")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def choose(self, request: Received) -> Reply:
        with self._changed:
            self.received.append(request)
            self._changed.notify_all()
            path = request.path.removeprefix("/v1")
            if path in self.paths:
                return self.paths[path]
            if path == "/models":
                return self.models
            if path != "/chat/completions":
                return error_reply(404, "not found")
            return self.script.popleft() if len(self.script) > 1 else self.script[0]


def _make_handler(server: OpenAIServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._reply(None)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self._reply(json.loads(self.rfile.read(length) or b"null"))

        def _reply(self, body: Any) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.choose(Received(self.command, self.path, headers, body))
            try:
                self._send(reply)
            except OSError:
                server.aborted.set()
                self.close_connection = True

        def _send(self, reply: Reply) -> None:
            if reply.gate is not None:
                self._wait(reply.gate)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.chunks is None:
                self._send_whole(reply)
            else:
                self._send_chunks(reply)

        def _send_whole(self, reply: Reply) -> None:
            self.send_header("Content-Length", str(len(reply.body) + (100 if reply.is_cut else 0)))
            self.end_headers()
            self.wfile.write(reply.body)
            if reply.is_cut:
                self.close_connection = True

        def _send_chunks(self, reply: Reply) -> None:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number, chunk in enumerate(reply.chunks or ()):
                if number in reply.gates:
                    self._wait(reply.gates[number])
                self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
                self.wfile.flush()
            if reply.is_cut:
                self.close_connection = True
            else:
                self.wfile.write(b"0\r\n\r\n")

        def _wait(self, gate: threading.Event) -> None:
            """Until the gate opens; raises OSError when the client has gone in the meantime."""
            self.connection.settimeout(0.01)
            while not gate.wait(0.01):
                try:
                    if not self.connection.recv(1):
                        raise ConnectionAbortedError
                except TimeoutError:
                    continue
            self.connection.settimeout(None)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Handler
