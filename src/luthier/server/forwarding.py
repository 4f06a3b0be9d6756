"""Behind a proxy a request comes from whom the proxy names, and not from the proxy."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class ForwardedClient:
    """ASGI middleware, for a server that nobody but its proxy can reach.

    Proxies write whom they hear behind what a client has sent them, so that of `X-Forwarded-For` the last address alone
    is the proxy's own word: whoever is believed a former one could name a new one for each guess at a key.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (address := _read_last(Headers(scope=scope).getlist("x-forwarded-for"))):
            scope["client"] = (address, 0)
        await self._app(scope, receive, send)


def _read_last(values: list[str]) -> str | None:
    """Without its port; None where the header is missing, or ends with something that is no address."""
    word = values[-1].rpartition(",")[2].strip() if values else ""
    host = word[1:].partition("]")[0] if word.startswith("[") else word
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
