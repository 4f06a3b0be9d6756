"""A server's headers and the number of failed tries become how long to wait before the next one."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0
MOST_DOUBLINGS = 10
"""Beyond it a wait is at its longest in any case, and the power would one day be too great for a float."""
LONGEST_OBEYED_SECONDS = 120.0
"""As the official Python client has it: a server that wants more time than this is given up."""

UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
LIMITED = ("requests", "tokens")


def back_off(failures: int, random: Random) -> float:
    """Twice as long after each failure, less a random part of up to a half: many clients must not come together."""
    ceiling = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, MOST_DOUBLINGS))
    return ceiling * random.uniform(0.5, 1.0)


def read_wait(headers: Mapping[str, str], now: float) -> float | None:
    """What the server asks for: `retry-after-ms`, `retry-after` in seconds or as a date, else when a used-up limit is
    full again. `now` is the time since the epoch; None when the server asks for nothing."""
    milliseconds = _read_number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    asked = headers.get("retry-after", "")
    seconds = _read_number(asked)
    if seconds is not None:
        return seconds
    if asked:
        try:
            return max(0.0, parsedate_to_datetime(asked).timestamp() - now)
        except (ValueError, OverflowError):
            return None
    return read_exhaustion(headers)


def read_exhaustion(headers: Mapping[str, str]) -> float | None:
    """Seconds until each limit is full again of which nothing remains (`x-ratelimit-...`); None when all have some."""
    waits = [
        wait
        for kind in LIMITED
        if _read_number(headers.get(f"x-ratelimit-remaining-{kind}", "")) == 0
        and (wait := read_span(headers.get(f"x-ratelimit-reset-{kind}", ""))) is not None
    ]
    return max(waits, default=None)


def read_span(text: str) -> float | None:
    """Seconds in `6m0s`, `1.5s`, `120ms`, or a bare number of seconds; None for anything else."""
    number = _read_number(text)
    if number is not None:
        return number
    parts = SPAN.findall(text)
    if not parts or "".join(count + unit for count, unit in parts) != text.strip():
        return None
    return sum(float(count) * UNIT_SECONDS[unit] for count, unit in parts)


def _read_number(text: str) -> float | None:
    """Of a number that is not negative, not infinite and not NaN."""
    return float(text) if re.fullmatch(r"\s*\d{1,12}(\.\d{1,9})?\s*", text) else None
