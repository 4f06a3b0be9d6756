"""Requests and tokens per minute, on a clock that sleepers move."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from luthier.engine.remote.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


def build_pace(clock: Clock, *, requests: int = 0, tokens: int = 0) -> Pace:
    return Pace(requests_per_minute=requests, tokens_per_minute=tokens, clock=lambda: clock.time, sleep=clock.sleep)


async def admit_all(pace: Pace, clock: Clock, sizes: list[int]) -> list[float]:
    """When each was let through."""
    return [booking.time for booking in [await pace.admit(size) for size in sizes]]


@given(st.lists(st.integers(1, 120), min_size=1, max_size=30), st.integers(1, 5), st.integers(1, 100))
def test_no_minute_holds_more_than_the_limits(sizes: list[int], requests: int, tokens: int) -> None:
    clock = Clock()
    times = asyncio.run(admit_all(build_pace(clock, requests=requests, tokens=tokens), clock, sizes))
    for start in times:
        within = [size for time, size in zip(times, sizes, strict=True) if start <= time < start + 59.999]
        assert len(within) <= requests
        assert sum(within) <= tokens or len(within) == 1


def test_without_limits_nobody_waits() -> None:
    clock = Clock()
    assert asyncio.run(admit_all(build_pace(clock), clock, [10**9] * 5)) == [0.0] * 5


def test_what_a_request_really_used_counts_for_those_after_it() -> None:
    async def run(used: int) -> float:
        clock = Clock()
        pace = build_pace(clock, tokens=100)
        (await pace.admit(90)).tokens = used
        return (await pace.admit(50)).time

    assert asyncio.run(run(90)) == 60.0
    assert asyncio.run(run(50)) == 0.0


def test_a_hold_is_for_all_and_never_shortened() -> None:
    clock = Clock()
    pace = build_pace(clock)
    pace.hold(30.0)
    pace.hold(5.0)
    assert asyncio.run(admit_all(pace, clock, [1, 1])) == [30.0, 30.0]
