"""A model's name that was found a moment ago is found again without asking the database, which would cost a thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from starlette.concurrency import run_in_threadpool

from luthier.models.public_names import PublicNames

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.models.public_names import PublicName
    from luthier.store.home import Home

TRUSTED_SECONDS = 1.0
"""A model that is deleted meanwhile is missed by the engine, which answers the same."""

MOST_NAMES = 1000


class _Found(NamedTuple):
    at: float
    name: PublicName


class RecentNames:
    """For use in one event loop."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._found: dict[str, _Found] = {}

    async def resolve(self, home: Home, name: str) -> PublicName:
        """Raises UnknownModel, or DatabaseUnavailable."""
        found = self._found.get(name)
        if found is not None and self._now() - found.at < TRUSTED_SECONDS:
            return found.name
        known = await run_in_threadpool(PublicNames(home).resolve, name)
        if len(self._found) >= MOST_NAMES:
            self._found.clear()
        self._found[name] = _Found(self._now(), known)
        return known
