"""Which adapters a vLLM server holds: loaded when asked for, and beyond a limit the least recently used go."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from luthier.errors import EngineUnavailable, InvalidRequest, LuthierError, UnknownModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from luthier.engine.vllm.client import VllmClient
    from luthier.engine.vllm.subject import AdapterFiles

LOADED_ALREADY = "already been loaded"
"""vLLM's words for it. The name says which weights they are, so it is as well."""


class AdapterShelf:
    """All of it belongs to one event loop. Adapters that were there before are used, and never unloaded."""

    def __init__(self, client: VllmClient, *, limit: int, foreign: Iterable[str] = ()) -> None:
        self._client = client
        self._limit = limit
        self._foreign = frozenset(foreign)
        self._users: OrderedDict[str, int] = OrderedDict()  # by name; the least recently used first
        self._entry = asyncio.Lock()
        self._left = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, adapter: AdapterFiles, *, check: Callable[[], None]) -> AsyncIterator[str]:
        """The name by which the server knows it, which stays loaded meanwhile. `check` is called in a thread before it
        is loaded, and raises what is wrong with its files."""
        if adapter.name in self._foreign:
            yield adapter.name
            return
        async with self._entry:  # in order of arrival: behind one who waits for room, what is in use runs dry
            if adapter.name not in self._users:
                await asyncio.to_thread(check)
                await self._make_room()
                await self._load(adapter)
                self._users[adapter.name] = 0
            self._users[adapter.name] += 1
            self._users.move_to_end(adapter.name)
        try:
            yield adapter.name
        finally:
            self._users[adapter.name] -= 1
            async with self._left:
                self._left.notify_all()

    async def _make_room(self) -> None:
        async with self._left:
            while len(self._users) >= self._limit:
                idle = next((name for name, users in self._users.items() if not users), None)
                if idle is None:
                    await self._left.wait()
                else:
                    del self._users[idle]
                    await self._client.unload_adapter(idle)

    async def _load(self, adapter: AdapterFiles) -> None:
        try:
            await self._client.load_adapter(adapter.name, str(adapter.folder))
        except (InvalidRequest, UnknownModel, EngineUnavailable) as error:
            if LOADED_ALREADY not in error.message:
                raise _explain(adapter, error) from error


def _explain(adapter: AdapterFiles, error: LuthierError) -> EngineUnavailable:
    return EngineUnavailable(
        f"vLLM does not load the adapter in {adapter.folder}: {error.message}",
        hint="a server that was started by hand needs VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, --enable-lora, "
        f"--max-lora-rank {adapter.rank} or more, and must see that folder",
    )
