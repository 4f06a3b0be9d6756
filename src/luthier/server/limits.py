"""How large a request may be: counted while it is read, so that nobody has to believe what it says of its length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from luthier.server.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEBIBYTE = 2**20


def allow_body(request: Request, limit_bytes: int) -> None:
    """Another limit than the setting's, for a route that streams; to be called before anything of the body is read."""
    request.scope["luthier.body_limit"] = limit_bytes


class BodyLimit:
    """ASGI middleware: reading past the limit raises Problem 413, before the first byte where the length is told."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["luthier.body_limit"] = self._limit_bytes
        announced = _read_length(Headers(scope=scope).get("content-length"))
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            _check(announced, scope["luthier.body_limit"])
            message = await receive()
            received += len(message.get("body", b""))
            _check(received, scope["luthier.body_limit"])
            return message

        await self._app(scope, receive_some, send)


def _read_length(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0


def _check(length: int, limit_bytes: int) -> None:
    if length > limit_bytes:
        message = f"Request is too large: it may have {limit_bytes:,} bytes."
        raise Problem(413, message, code="request_too_large")
