"""Requests go to a server over connections that stay open, and what they took comes back; made to cost little itself.

A client library would use more of the two cores than the server that it asks.
"""

from __future__ import annotations

import asyncio
import json
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOST = "127.0.0.1"
BLOCK = b"0123456789abcdef" * (1 << 14)
BOUNDARY = "a-line-that-no-block-holds"
PATIENCE_SECONDS = 300
"""After which a server that says nothing has failed."""


class LoadFailed(Exception):
    """A server answered otherwise than it should."""


class Target(NamedTuple):
    """A server on this machine; `key` is empty for one that asks for none."""

    port: int
    key: str = ""


class Reply(NamedTuple):
    status: int
    body: bytes


class Seen(NamedTuple):
    """One stream: when it was asked for, when its first and its last event came, and how many words they had."""

    asked_at: float
    first_at: float
    last_at: float
    words: int


class Line(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Reply] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(LoadFailed("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._waiting is None:
            return
        head = bytes(self._buffer[:end]).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(self._buffer) < end + 4 + length:
            return
        self._waiting.set_result(Reply(int(head[9:12]), bytes(self._buffer[end + 4 :])))
        self._buffer.clear()

    async def ask(self, request: bytes) -> bytes:
        """The body of the answer. Raises LoadFailed for any status but 200."""
        if self._transport is None or self._transport.is_closing():
            raise LoadFailed("the server closed the connection")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        reply = await self._waiting
        if reply.status != 200:
            raise LoadFailed(f"{reply.status}: {reply.body.decode(errors='replace')}")
        return reply.body

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def write_request(target: Target, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    return write_head(target, method, path, length=len(content)) + content


def write_head(target: Target, method: str, path: str, *, length: int, media_type: str = "application/json") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"host: {HOST}:{target.port}", f"content-length: {length}"]
    lines += [f"authorization: Bearer {target.key}"] if target.key else []
    lines += [f"content-type: {media_type}"] if length else []
    return "\r\n".join([*lines, "", ""]).encode()


async def connect(target: Target) -> Line:
    return (await asyncio.get_running_loop().create_connection(Line, HOST, target.port))[1]


async def ask_one_by_one(target: Target, request: bytes, count: int) -> list[float]:
    """Seconds that each took."""
    line = await connect(target)
    taken = []
    for _ in range(count):
        started = perf_counter()
        await line.ask(request)
        taken.append(perf_counter() - started)
    line.close()
    return taken


async def ask_without_pause(target: Target, request: bytes, *, seconds: float, connections: int) -> float:
    """Answers a second, each connection asking again as soon as it has been answered."""
    lines = [await connect(target) for _ in range(connections)]
    started = perf_counter()

    async def go_on(line: Line) -> int:
        count = 0
        while perf_counter() - started < seconds:
            await line.ask(request)
            count += 1
        return count

    counts = await asyncio.gather(*(go_on(line) for line in lines))
    taken = perf_counter() - started
    for line in lines:
        line.close()
    return sum(counts) / taken


async def hold_streams(target: Target, request: bytes, count: int) -> list[Seen]:
    return await asyncio.gather(*(hold_stream(target, request) for _ in range(count)))


async def hold_stream(target: Target, request: bytes) -> Seen:
    """Raises LoadFailed for a stream that is refused, or ends before its end."""
    asked_at = perf_counter()
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection(HOST, target.port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise LoadFailed(head.decode(errors="replace"))
        first_at, words = 0.0, 0
        while line := await reader.readline():
            first_at = first_at or (perf_counter() if line.startswith(b"data:") else 0.0)
            words += line.count(b" word")  # one event holds several where the reader came late
            if line.startswith(b"data: [DONE]"):
                break
        else:
            raise LoadFailed(f"a stream broke off after {words} words")
    seen = Seen(asked_at, first_at, perf_counter(), words)
    writer.close()
    return seen


def count_held_at_once(streams: Sequence[Seen]) -> int:
    """The most that were open at one moment: between their first and their last event."""
    changes = sorted([(seen.first_at, 1) for seen in streams] + [(seen.last_at, -1) for seen in streams])
    held = most = 0
    for _, change in changes:
        held += change
        most = max(most, held)
    return most


async def upload(target: Target, path: str, size_bytes: int) -> dict[str, Any]:
    """A multipart form with one file of that size, written block by block; what the server says of it."""
    fields = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n--{BOUNDARY}\r\n'
    start = f'{fields}content-disposition: form-data; name="file"; filename="rows.bin"\r\n\r\n'.encode()
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    media_type = f"multipart/form-data; boundary={BOUNDARY}"
    reader, writer = await asyncio.open_connection(HOST, target.port)
    length = len(start) + size_bytes + len(end)
    writer.write(write_head(target, "POST", path, length=length, media_type=media_type) + start)
    left = size_bytes
    while left:
        writer.write(BLOCK[: min(left, len(BLOCK))])
        left -= min(left, len(BLOCK))
        await writer.drain()
    writer.write(end)
    head = await reader.readuntil(b"\r\n\r\n")
    body = await reader.readexactly(int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]))
    writer.close()
    if not head.startswith(b"HTTP/1.1 200"):
        raise LoadFailed(body.decode(errors="replace"))
    told: dict[str, Any] = json.loads(body)
    return told
