"""Keys are looked up in the database, and remembered for the second in which a client sends its next requests."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from starlette.concurrency import run_in_threadpool

from luthier.store.keys import REMEMBERED_SECONDS, Key, digest_key, find_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.store.home import Home

KEYS_KEPT = 10_000


class Sighting(NamedTuple):
    key: Key
    checked_at: float


class KeyRing:
    """Holds digests alone, never a key. `now` is in seconds and never goes back."""

    def __init__(self, home: Home, *, now: Callable[[], float]) -> None:
        self._home = home
        self._now = now
        self._seen: OrderedDict[str, Sighting] = OrderedDict()
        self._asked: dict[str, asyncio.Task[Key | None]] = {}

    async def find(self, secret: str) -> Key | None:
        """None for a key that does not exist or was revoked longer than REMEMBERED_SECONDS ago."""
        digest = digest_key(secret)
        sighting = self._seen.get(digest)
        if sighting is not None and self._now() - sighting.checked_at < REMEMBERED_SECONDS:
            return sighting.key
        if digest not in self._asked:  # a thousand requests that come at once ask the database once
            self._asked[digest] = asyncio.create_task(self._ask(secret, digest))
        return await asyncio.shield(self._asked[digest])

    def has_seen(self, secret: str) -> bool:
        """Whether this key was good when it was last looked up."""
        return digest_key(secret) in self._seen

    async def _ask(self, secret: str, digest: str) -> Key | None:
        checked_at = self._now()
        try:
            key = await run_in_threadpool(self._look_up, secret)
        finally:
            del self._asked[digest]
        if key is None:
            self._seen.pop(digest, None)
        else:
            self._remember(digest, Sighting(key, checked_at))
        return key

    def _look_up(self, secret: str) -> Key | None:
        return find_key(self._home.database, secret)

    def _remember(self, digest: str, sighting: Sighting) -> None:
        self._seen[digest] = sighting
        self._seen.move_to_end(digest)
        while len(self._seen) > KEYS_KEPT:
            self._seen.popitem(last=False)
