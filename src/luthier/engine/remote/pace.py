"""Keeps the requests to one model within its limits per minute, and lets all of them wait when its server says so."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

WINDOW_SECONDS = 60.0


@dataclass(eq=False, slots=True)
class Booking:
    """One request that was let through: `tokens` is an estimate until the server tells them."""

    time: float
    tokens: int


class Pace:
    """In order of arrival. Within any minute no more than the limits pass; 0 is no limit."""

    def __init__(
        self,
        *,
        requests_per_minute: int = 0,
        tokens_per_minute: int = 0,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._requests = requests_per_minute
        self._tokens = tokens_per_minute
        self._clock = clock
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._bookings: deque[Booking] = deque()
        self._open_from = 0.0

    async def admit(self, tokens: int) -> Booking:
        """Returns when a request of that size may be sent; one beyond the limit itself waits for an empty minute."""
        async with self._turn:
            while (wait := self._find_wait(tokens)) > 0:
                await self._sleep(wait)
            booking = Booking(self._clock(), tokens)
            if self._requests or self._tokens:
                self._bookings.append(booking)
            return booking

    def hold(self, seconds: float) -> None:
        """Nobody is let through before that time is over: the server asked for it, or has nothing left to give."""
        self._open_from = max(self._open_from, self._clock() + seconds)

    def _find_wait(self, tokens: int) -> float:
        now = self._clock()
        while self._bookings and self._bookings[0].time <= now - WINDOW_SECONDS:
            self._bookings.popleft()
        if self._open_from > now:
            return self._open_from - now
        booked = sum(booking.tokens for booking in self._bookings)
        is_full = bool(self._requests) and len(self._bookings) >= self._requests
        is_spent = bool(self._tokens and self._bookings) and booked + tokens > self._tokens
        return self._bookings[0].time + WINDOW_SECONDS - now if is_full or is_spent else 0.0
