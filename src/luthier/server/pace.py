"""What each key or address did within the last minute becomes how long it has to wait before it may do more."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_SECONDS = 60.0
NAMES_KEPT = 10_000
"""Those that were quiet longest are forgotten, so that nobody fills the memory by coming from ever new addresses."""


class Pace:
    """Within any minute each name may do `limit` things. `now` is in seconds and never goes back."""

    def __init__(self, limit: int, *, now: Callable[[], float]) -> None:
        self.limit = limit
        self._now = now
        self._moments: OrderedDict[str, deque[float]] = OrderedDict()

    def find_wait(self, name: str) -> float:
        """Seconds until it may do one more; 0.0 for now."""
        moments = self._recall(name)
        return moments[0] + WINDOW_SECONDS - self._now() if len(moments) >= self.limit else 0.0

    def add(self, name: str) -> None:
        self._moments.setdefault(name, deque(maxlen=self.limit)).append(self._now())
        self._moments.move_to_end(name)
        while len(self._moments) > NAMES_KEPT:
            self._moments.popitem(last=False)

    def count_left(self, name: str) -> int:
        return self.limit - len(self._recall(name))

    def _recall(self, name: str) -> deque[float]:
        moments = self._moments.get(name) or deque()
        while moments and moments[0] <= self._now() - WINDOW_SECONDS:
            moments.popleft()
        return moments
