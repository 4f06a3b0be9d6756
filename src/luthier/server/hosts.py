"""Requests that a web page of somebody else could have sent are refused: by the name they call, and by their origin."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from luthier.server.problems import Problem, respond
from luthier.settings import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})
"""What a browser says in Sec-Fetch-Site of a page of ours, or of an address that its user typed."""


class HostGate:
    """ASGI middleware. A name that an attacker's DNS points at this machine is no name of ours (421), and a page of
    another origin may change nothing (403)."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = LOOPBACK_HOSTS | {socket.gethostname().lower()} | {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = self._find_problem(scope)
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await respond(problem, scope)(scope, receive, send)

    def _find_problem(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        named = headers.getlist("host")
        host = _read_host(f"//{named[0]}") if len(named) == 1 else None
        if host is None or not (host in self._names or host == (scope.get("server") or ("",))[0]):
            message = "This server does not answer by that name; a name in its setting 'allowed_hosts' is answered."
            return Problem(421, message, code="unknown_host")
        if scope["method"] not in SAFE_METHODS and _is_foreign(headers, named[0]):
            return Problem(403, "Pages of another origin may not do this.", code="foreign_origin")
        return None


def _is_foreign(headers: Headers, host: str) -> bool:
    """Programs send neither header; a browser says `null` where it hides what page is asking."""
    site = headers.get("sec-fetch-site")
    origins = headers.getlist("origin")
    if site is not None and site.lower() not in OWN_SITES:
        return True
    return any(origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()) for origin in origins)


def _read_host(address: str) -> str | None:
    try:
        parts = urlsplit(address)
        is_clean = parts.username is None and not (parts.path or parts.query or parts.fragment) and parts.port != 0
    except ValueError:
        return None
    return parts.hostname if is_clean else None
