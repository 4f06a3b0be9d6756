"""An engine's side of the contest: lines on its standard input say when it steps, lines of JSON answer how that went.

Free of every library, so that all engines are timed by the same lines.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class EndOfTurns(Exception):
    """No further step is wanted."""


class Turns:
    """`save` writes the adapter to a folder and returns figures to answer with. `synchronise` waits for a device."""

    def __init__(
        self,
        *,
        save: Callable[[str], dict[str, Any]],
        synchronise: Callable[[], None] = lambda: None,
        read_peak: Callable[[], int] | None = None,
    ) -> None:
        self._save = save
        self._synchronise = synchronise
        self._read_peak = read_peak or read_peak_bytes
        self._is_ready = False
        # What libraries print must not come between the answers.
        self._answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def await_step(self) -> None:
        """Returns when a step is due, whose time then runs. Raises EndOfTurns when there shall be none."""
        if not self._is_ready:
            self._is_ready = True
            self._answer()
        while line := sys.stdin.readline().strip():
            command, _, argument = line.partition(" ")
            if command == "step":
                self._started, self._processor_started = perf_counter(), process_time()
                return
            self._answer(**self._save(argument))
        raise EndOfTurns

    def finish_step(self, **figures: float) -> None:
        self._synchronise()
        seconds, processor_seconds = perf_counter() - self._started, process_time() - self._processor_started
        self._answer(seconds=seconds, processor_seconds=processor_seconds, **figures)

    def _answer(self, **figures: Any) -> None:
        self._answers.write(json.dumps({**figures, "peak_bytes": self._read_peak()}) + "\n")
        self._answers.flush()


def read_peak_bytes() -> int:
    """The most memory that this process has held. `ru_maxrss` would count what its parent held when it was started."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def read_device_peak(torch: Any) -> Callable[[], int] | None:
    """Of a GPU what was reserved on it; else none, and the process's own memory counts."""
    return (lambda: int(torch.cuda.max_memory_reserved())) if torch.cuda.is_available() else None


def choose_synchronise(torch: Any) -> Callable[[], None]:
    return torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
