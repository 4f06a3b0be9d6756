"""Work is done for a client as long as it is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from starlette.requests import Request

Result = TypeVar("Result")


async def wait_while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Raises ClientDisconnect, and cancels the work, when the client leaves. The request's body was read before."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_wait_for_end(request))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _wait_for_end(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
