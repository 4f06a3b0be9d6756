"""The memory of the device that trains: how much is free, and how much some work takes at its peak."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

import psutil
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_BETWEEN_LOOKS = 0.01


@dataclass
class Peak:
    """`bytes` is final once the block that was watched has ended."""

    bytes: int = 0


def find_free_memory() -> int:
    """Bytes on the device that trains."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    return psutil.virtual_memory().available


@contextmanager
def watch_memory() -> Iterator[Peak]:
    """The most memory in use while the block runs: what torch has allocated on a GPU, else all of this process."""
    peak = Peak()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        yield peak
        peak.bytes = torch.cuda.max_memory_allocated()
        return
    is_over = Event()
    watcher = Thread(target=_look_until, args=(is_over, peak), daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        is_over.set()
        watcher.join()


def _look_until(is_over: Event, peak: Peak) -> None:
    """Looks again and again, since the operating system's own peak counts from the start of the process."""
    process = psutil.Process()
    is_last = False
    while not is_last:
        is_last = is_over.wait(SECONDS_BETWEEN_LOOKS)
        peak.bytes = max(peak.bytes, process.memory_info().rss)
