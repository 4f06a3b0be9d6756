"""How much the server works on at once is counted, so that more than it can hold is turned away and not piled up."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from luthier.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterator

RETRY_SECONDS = 2.0
"""Answers last seconds, so a place becomes free within that."""


class InFlight:
    """For use in one event loop, or thread."""

    def __init__(self) -> None:
        self._count = 0

    @property
    def count(self) -> int:
        return self._count

    @contextmanager
    def hold(self, places: int, *, limit: int) -> Iterator[None]:
        """Raises Overloaded where that many more are not free; whoever is alone may hold more than the limit."""
        if self._count and self._count + places > limit:
            raise Overloaded(
                f"the server works on {self._count} answers at once already",
                hint="ask again in a moment",
                retry_seconds=RETRY_SECONDS,
            )
        self._count += places
        try:
            yield
        finally:
            self._count -= places
