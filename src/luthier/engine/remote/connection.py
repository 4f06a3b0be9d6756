"""One server's connections: a request goes out, and checked parts of an answer come back, or a typed failure."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx2
from pydantic import ValidationError

from luthier.engine.remote.address import is_loopback
from luthier.engine.remote.failure import (
    ExchangeFailed,
    explain_nonsense,
    explain_status,
    explain_transport,
    read_error_object,
)
from luthier.engine.remote.waiting import read_wait
from luthier.engine.remote.wire import Completion
from luthier.errors import InvalidConfig

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

    from pydantic import SecretStr

    from luthier.engine.remote.failure import Asked

CONNECT_SECONDS = 10.0
DRAIN_SECONDS = 0.5
LARGEST_BODY = 64 * 2**20
LARGEST_EVENT = 8 * 2**20
LARGEST_ERROR = 64 * 2**10
"""Bytes. The longest answers of any model are far below; what goes beyond is not an answer."""

END = "[DONE]"
SHORTEST_SECRET = 8
"""Characters."""


class Connection:
    """Has to be used from one event loop. Redirects are not followed, so a key stays with the host that it is for."""

    def __init__(self, url: str, key: SecretStr, *, timeout_seconds: float, now: Callable[[], float]) -> None:
        self.url = url
        self._key = key.get_secret_value().strip()
        if not self._key.isascii() or not self._key.isprintable():
            raise InvalidConfig(f"the key for {url} holds characters that no key has", hint="copy it again")
        self._timeout_seconds = timeout_seconds
        self._now = now
        self._client: httpx2.AsyncClient | None = None

    async def converse(
        self, body: dict[str, Any], asked: Asked, *, note_headers: Callable[[Mapping[str, str]], None]
    ) -> AsyncGenerator[Completion]:
        """Yields the answer in parts, or as one. Raises ExchangeFailed, also when it breaks off in the middle."""
        async with self._exchange("POST", "/chat/completions", asked, body) as response:
            note_headers(response.headers)
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind == "text/html":
                hint = "the address of an OpenAI-compatible API mostly ends in /v1"
                raise explain_nonsense("answered with a web page", asked, is_passing=False, hint=hint)
            if kind == "text/event-stream":
                async for part in self._read_events(response, asked):
                    yield part
            else:
                yield parse_part(await _read_body(response, asked, LARGEST_BODY), asked)

    async def fetch(self, method: str, path: str, asked: Asked, body: dict[str, Any] | None = None) -> bytes:
        """Raises ExchangeFailed."""
        async with self._exchange(method, path, asked, body) as response:
            return await _read_body(response, asked, LARGEST_BODY)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    @asynccontextmanager
    async def _exchange(
        self, method: str, path: str, asked: Asked, body: dict[str, Any] | None
    ) -> AsyncIterator[httpx2.Response]:
        """A response of status 200, whose body is still to be read."""
        try:
            async with self._open().stream(method, self.url + path, json=body) as response:
                if response.status_code != HTTPStatus.OK:
                    content = await _read_body(response, asked, LARGEST_ERROR, is_cut=True)
                    wait_seconds = read_wait(response.headers, self._now())
                    raise explain_status(
                        response.status_code,
                        response.headers,
                        self._hide_key(content),
                        asked,
                        wait_seconds=wait_seconds,
                    )
                yield response
        except httpx2.TimeoutException as error:
            raise explain_transport("no answer in time", type(error).__name__, asked) from error
        except httpx2.SSEError as error:
            raise explain_nonsense("sent an event that is too large", asked) from error
        except httpx2.DecodingError as error:
            raise explain_nonsense("sent a body that cannot be unpacked", asked) from error
        except httpx2.TransportError as error:
            raise explain_transport("the connection failed", str(error), asked) from error

    async def _read_events(self, response: httpx2.Response, asked: Asked) -> AsyncIterator[Completion]:
        total = 0
        events = aiter(httpx2.EventSource(response, max_event_size=LARGEST_EVENT))
        async for event in events:
            if event.data == END:
                await _drain(events)
                return
            total += len(event.data)
            if total > LARGEST_BODY:
                raise explain_nonsense(f"sent more than {LARGEST_BODY} bytes", asked, is_passing=False)
            if event.data:
                yield parse_part(event.data, asked)

    def _open(self) -> httpx2.AsyncClient:
        """A proxy of the environment is not asked for this very machine, where it could not reach it."""
        if self._client is None:
            headers = {"User-Agent": "luthier", "Accept-Encoding": "identity"}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            timeout = httpx2.Timeout(self._timeout_seconds, connect=min(CONNECT_SECONDS, self._timeout_seconds))
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=32)
            self._client = httpx2.AsyncClient(
                headers=headers, timeout=timeout, limits=limits, trust_env=not is_loopback(self.url)
            )
        return self._client

    def _hide_key(self, content: bytes) -> bytes:
        """Servers like to repeat the key that they refuse; what is short is found in any text, and no secret."""
        return content.replace(self._key.encode(), b"(key)") if len(self._key) >= SHORTEST_SECRET else content


async def _drain(events: AsyncIterator[object]) -> None:
    """A connection whose body was read to its end can be used again; the answer is whole, whatever comes now."""
    with suppress(TimeoutError, httpx2.TransportError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in events:
                pass


def parse_part(content: str | bytes, asked: Asked) -> Completion:
    try:
        return Completion.model_validate_json(content)
    except ValidationError as error:
        raise _explain_part(content, asked) from error


def _explain_part(content: str | bytes, asked: Asked) -> ExchangeFailed:
    """What is no part of an answer may be an error that came after the answer had begun."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return explain_nonsense("sent something that is not JSON", asked)
    if not isinstance(body, dict) or not body.get("error"):
        return explain_nonsense("sent JSON that is no part of an answer", asked)
    code = body["error"].get("code") if isinstance(body["error"], dict) else None
    if isinstance(code, int) and HTTPStatus.BAD_REQUEST <= code < HTTPStatus.INTERNAL_SERVER_ERROR:
        raw = content if isinstance(content, bytes) else content.encode()
        return explain_status(code, {}, raw, asked, wait_seconds=None)
    return explain_nonsense(f"broke the answer off: {read_error_object(body).message}", asked)


async def _read_body(response: httpx2.Response, asked: Asked, largest: int, *, is_cut: bool = False) -> bytes:
    """Raises ExchangeFailed for a larger body, unless its beginning is enough."""
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > largest:
            if is_cut:
                break
            raise explain_nonsense(f"sent more than {largest} bytes", asked, is_passing=False)
    return bytes(content[:largest])
