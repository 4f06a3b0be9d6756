"""Ctrl-C and a polite kill become a question that the loop asks between two steps."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def catch_interrupts() -> Iterator[Callable[[], bool]]:
    """Yields a function that says whether a stop is wanted; a second Ctrl-C ends the process at once.

    Outside the main thread, where Python delivers no signals, nothing is caught and the answer stays no.
    """
    is_wanted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield is_wanted.is_set
        return

    def note_interrupt(number: int, frame: object) -> None:
        is_wanted.set()
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, note_interrupt)
    try:
        yield is_wanted.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
