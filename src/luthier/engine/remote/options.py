"""What an endpoint is told when it is opened: its limits, and the clock and chance that tests replace."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True)
class EndpointOptions:
    """As the settings of the same names; with `is_streaming` the answers come in pieces."""

    requests_in_flight: int = 16
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    timeout_seconds: float = 600.0
    tries: int = 6
    is_streaming: bool = True


@dataclass(frozen=True)
class Circumstances:
    """`clock` only ever runs forward; `now` is the time since the epoch, which a server's dates are compared with."""

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Random = field(default_factory=Random)
