"""Every request gets an id, a line in the log and its place in the metrics, however it ends."""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

from luthier.server.logs import REQUEST_ID

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from luthier.server.metrics import Metrics

logger = logging.getLogger(__name__)

FAILED = 500
"""What an exception that nobody expected becomes, further out."""

CLIENT_LEFT = 499
"""As nginx counts requests whose client went away before there was an answer."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

UNKNOWN_ROUTE = "unknown"
"""Paths that lead nowhere are one route, or else a stranger could fill the metrics with them."""


class RequestWatch:
    """ASGI middleware, the outermost. The id stands in the request's state and in the answer's x-request-id."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{secrets.token_hex(16)}"
        scope.setdefault("state", {})["request_id"] = request_id
        REQUEST_ID.set(request_id)  # never taken back: each request is a task with variables of its own
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers.update(scope["state"].get("answer_headers", {}))
            await send(message)

        is_complete = False
        try:
            with self._metrics.track_request():
                await self._app(scope, receive, send_with_id)
            is_complete = True
        finally:
            ended = status or (CLIENT_LEFT if is_complete else FAILED)
            self._note(scope, status=ended, seconds=time.perf_counter() - started)

    def _note(self, scope: Scope, *, status: int, seconds: float) -> None:
        route = _name_route(scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.count_request(method, route, status=status, seconds=seconds)
        caller = scope["state"].get("caller")
        logger.info(
            "%s %s %d",
            scope["method"],
            route,
            status,
            extra={
                "request_id": scope["state"]["request_id"],
                "method": scope["method"],
                "route": route,
                "status": status,
                "milliseconds": round(seconds * 1000, 3),
                "client": (scope.get("client") or ("",))[0],
                "key_id": caller.key_id if caller is not None else None,
            },
        )


def _name_route(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else UNKNOWN_ROUTE
