"""What one run knows of the code that grades in it, whichever answers it was given: whether it ever comes to an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock

MOST_STOPPED = 2
"""Answers at which code that never ended by itself is given up: at two minutes each, hundreds would take a night."""


def ignore_count(count: int) -> None:
    """For whoever does not want to know how far it is."""


@dataclass(frozen=True)
class Audience:
    """Who hears how grading goes: `count_up` takes what is at work and how many answers it has, and returns what is
    told how many more of them are done; `say` takes a sentence, such as what is being waited for when there was no
    grade for `patience_seconds`."""

    count_up: Callable[[str, int], Callable[[int], None]] = lambda name, total: ignore_count
    say: Callable[[str], None] = lambda sentence: None
    patience_seconds: float = 5.0


@dataclass(frozen=True, eq=False)
class Supervision:
    """Of one run, from its first answer to its last: code that was given up with one model's answers is not started for
    the next model's. With `halted` set, what is running ends at once and nothing more is started."""

    audience: Audience = Audience()
    halted: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _stopped: Counter[str] = field(default_factory=Counter)
    _ended: set[str] = field(default_factory=set)

    def is_hopeless(self, source: str) -> bool:
        return source not in self._ended and self._stopped[source] >= MOST_STOPPED

    def note(self, source: str, *, was_stopped: bool) -> None:
        with self._lock:
            if was_stopped:
                self._stopped[source] += 1
            else:
                self._ended.add(source)
