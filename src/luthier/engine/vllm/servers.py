"""Which vLLM servers run: started when their base is asked for, ended when another needs the place, and again once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from luthier.engine.vllm.server import join_server, start_server
from luthier.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from luthier.engine.residence.lookup import CopyKey
    from luthier.engine.vllm.server import Circumstances, Server
    from luthier.engine.vllm.subject import Subject


STARTS = 2
"""One that has ended so often, or could not be started, is not started again."""

SETTLED_SECONDS = 600.0
"""What ends after so long does not count: it is no server that cannot run."""


class _Opening(NamedTuple):
    key: CopyKey
    task: asyncio.Task[None]


class Servers:
    """All of it belongs to one event loop."""

    def __init__(self, circumstances: Circumstances) -> None:
        self._circumstances = circumstances
        self._running: OrderedDict[CopyKey, Server] = OrderedDict()  # the least recently used first
        self._opening: _Opening | None = None
        self._deaths: dict[CopyKey, list[EngineUnavailable]] = {}
        self._left = asyncio.Event()
        self._leaving: set[Server] = set()
        self._farewells: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lease(self, subject: Subject) -> AsyncIterator[Server]:
        """One that serves the subject's base, and stays meanwhile. Raises EngineUnavailable."""
        server = await self._find(subject)
        server.users += 1
        try:
            yield server
        finally:
            server.users -= 1
            self._left.set()

    async def close(self) -> None:
        await asyncio.gather(*(server.close() for server in (*self._running.values(), *self._leaving)))
        self._running.clear()

    async def _find(self, subject: Subject) -> Server:
        """Waiters are woken in the order in which they came, so that two bases take turns and neither starves."""
        key = subject.target.copy
        while (server := self._recall(subject)) is None:
            if self._opening is None:
                self._opening = _Opening(key, asyncio.create_task(self._open(subject)))
                self._opening.task.add_done_callback(self._note_opening)
            opening = self._opening
            await asyncio.wait([opening.task])  # a request that is given up meanwhile does not stop the start
            if opening.key == key:
                await opening.task  # raises why it could not be started
        self._running.move_to_end(key)
        return server

    def _note_opening(self, task: asyncio.Task[None]) -> None:
        self._opening = None
        if not task.cancelled():
            task.exception()  # those who wait raise it; when nobody does, that is no fault

    def _recall(self, subject: Subject) -> Server | None:
        """Raises why there will be none any more."""
        key = subject.target.copy
        server = self._running.get(key)
        if server is not None and (death := server.find_death()) is not None:
            del self._running[key]
            farewell = asyncio.create_task(self._dismiss(server))
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)
            if self._circumstances.clock() - server.started_at > SETTLED_SECONDS:
                self._deaths.pop(key, None)
            self._deaths.setdefault(key, []).append(death)
            server = None
        if server is not None:
            return server if _has_rank(server, subject) else None
        if len(deaths := self._deaths.get(key, [])) >= STARTS:
            raise deaths[-1]
        return None

    async def _open(self, subject: Subject) -> None:
        key, options = subject.target.copy, self._circumstances.options
        if options.url:
            self._running[key] = await join_server(subject.base, options)
            return
        rank = subject.adapter.rank if subject.adapter else 0
        if key in self._running:
            self._circumstances.announce(f"vLLM has to start again for adapters of rank {rank}")
            await self._dismiss(self._running.pop(key))
        while len(self._running) >= options.servers:
            await self._dismiss(self._running.popitem(last=False)[1])
        try:
            self._running[key] = await start_server(subject.base, rank=rank, circumstances=self._circumstances)
        except EngineUnavailable as error:
            self._deaths.setdefault(key, []).append(error)
            raise

    async def _dismiss(self, server: Server) -> None:
        """Nobody new gets it; those who have it finish first."""
        self._leaving.add(server)
        while server.users:
            self._left.clear()
            await self._left.wait()
        await server.close()
        self._leaving.discard(server)


def _has_rank(server: Server, subject: Subject) -> bool:
    """The limit of a server that somebody else has started shows when an adapter is loaded."""
    return subject.adapter is None or server.max_rank is None or subject.adapter.rank <= server.max_rank
