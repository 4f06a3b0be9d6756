"""Grading gets threads of its own: it may last minutes, and neither chats nor the database wait for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from luthier.evaluation.graders.openai.confinement.sandbox import Sandbox
from luthier.server.in_flight import InFlight

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4
"""A grader's code may take 2 GiB of memory and a whole core."""

MOST_AT_ONCE = 64
"""Those that wait for a thread among them."""


class Gradings:
    """For use in one event loop."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self.sandbox = sandbox or Sandbox()
        self._held = InFlight()
        self._threads = CapacityLimiter(THREADS)

    @property
    def count(self) -> int:
        """Those that are under way, and those that wait."""
        return self._held.count

    async def run(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Raises Overloaded, and what the function raises."""
        with self._held.hold(1, limit=MOST_AT_ONCE):
            return await to_thread.run_sync(partial(function, *arguments, **named), limiter=self._threads)
