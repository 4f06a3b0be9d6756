"""Paths that no name of ours could be part of lead nowhere, before a database or a file system has to refuse them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.server.problems import Problem, respond

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class PathGate:
    """ASGI middleware: a NUL ends a text for C and for PostgreSQL, and is part of no id and no model's name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "\0" in scope["path"]:
            problem = Problem(404, "Invalid URL: it holds a NUL character", code="unknown_url")
            await respond(problem, scope)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
