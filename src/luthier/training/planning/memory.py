"""The memory of the device that trains: how much is free, and how much some work takes at its peak."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

import psutil
import torch

from luthier.models.precision import choose_device, has_native_bfloat16
from luthier.settings import load_launch
from luthier.training.planning.footprint import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_BETWEEN_LOOKS = 0.01


@dataclass
class Peak:
    """`bytes` is final once the block that was watched has ended; `start_bytes` were in use before it."""

    start_bytes: int = 0
    bytes: int = 0

    @property
    def grown_bytes(self) -> int:
        return max(0, self.bytes - self.start_bytes)


def find_free_memory() -> int:
    """Bytes on the device that trains."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    return psutil.virtual_memory().available


def find_machine() -> Machine:
    """As one process of a run finds it: those on one computer share its memory, and each has a GPU of its own."""
    device = choose_device()
    sharers = 1 if device.type == "cuda" else load_launch().local_world_size
    return Machine(find_free_memory() // sharers, device.type == "cuda", has_native_bfloat16(device))


@contextmanager
def watch_memory() -> Iterator[Peak]:
    """The most memory in use while the block runs: what torch has allocated on a GPU, else all of this process."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        peak = Peak(torch.cuda.memory_allocated())
        yield peak
        peak.bytes = torch.cuda.max_memory_allocated()
        return
    peak = Peak(psutil.Process().memory_info().rss)
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
