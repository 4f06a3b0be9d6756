"""Work that may last is done in threads of its own, so that neither keys nor chats nor the database wait for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from luthier.server.in_flight import InFlight

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class OwnThreads:
    """For use in one event loop. What waits for a thread counts into `most_at_once`."""

    def __init__(self, threads: int, *, most_at_once: int) -> None:
        self._held = InFlight()
        self._threads = CapacityLimiter(threads)
        self._most_at_once = most_at_once

    @property
    def count(self) -> int:
        """Of what is under way, and of what waits."""
        return self._held.count

    async def run(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Raises Overloaded, and what the function raises."""
        with self._held.hold(1, limit=self._most_at_once):
            return await to_thread.run_sync(partial(function, *arguments, **named), limiter=self._threads)
