"""Who works on this machine, and whether a worker lives: seen at once here, and by its beats elsewhere."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PROCESS_IDS = Path("/proc/self/ns/pid")

# Fields of /proc/<pid>/stat behind the name, which is in brackets and may hold anything: man 5 proc.
STATE_FIELD = 0
START_FIELD = 19
GONE_STATES = frozenset({"Z", "X"})


LONGEST_GAP_FRACTION = 1 / 3


class ProcessIdentity(NamedTuple):
    """`machine` is empty where nobody can tell who else sees the same processes; then only beats count."""

    host: str
    machine: str
    pid: int
    start_ticks: int


class Sight(NamedTuple):
    """An attempt and its beats, and since when they were seen to be just these."""

    mark: tuple[int, int]
    since: float


def identify_process(pid: int | None = None) -> ProcessIdentity:
    """This process, or another one that runs beside it."""
    pid = pid or os.getpid()
    return ProcessIdentity(socket.gethostname(), _name_machine(), pid, _read_start(pid))


def is_gone(process: ProcessIdentity, *, here: ProcessIdentity) -> bool:
    """Whether `process` has certainly ended, seen from `here`: never for one of another machine or container."""
    if not _is_beside(process, here):
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # somebody else's, so that its own file may be closed to us too
    fields = _read_fields(process.pid)
    return bool(fields) and (fields[STATE_FIELD] in GONE_STATES or int(fields[START_FIELD]) != process.start_ticks)


def end_process(process: ProcessIdentity, *, here: ProcessIdentity) -> None:
    """Ends one of this machine at once, with what depends on it; nothing happens to one of another machine."""
    if not _is_beside(process, here) or is_gone(process, here=here):
        return
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process.pid, signal.SIGKILL)


class BeatWatch:
    """Tells that holders are silent, by this process's own stopwatch: no clock that is set, here or there, matters.

    A holder is silent when its beats were seen to stand still for `lease_seconds`, by one who looked all the time:
    whoever could not look, because it slept or the database was away, cannot tell who did not beat.
    """

    def __init__(self, lease_seconds: float, *, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._lease_seconds = lease_seconds
        self._stopwatch = stopwatch
        self._seen: dict[str, Sight] = {}
        self._looked_at = stopwatch()

    def find_silent(self, beats: Mapping[str, tuple[int, int]]) -> set[str]:
        """Which of all jobs that are held have silent holders: `beats` has their attempts and beats as of now."""
        now = self._stopwatch()
        if now - self._looked_at > self._lease_seconds * LONGEST_GAP_FRACTION:
            self._seen = {}
        self._looked_at = now
        fresh = {job_id: Sight(mark, now) for job_id, mark in beats.items()}
        self._seen = {
            job_id: self._seen[job_id] if job_id in self._seen and self._seen[job_id].mark == sight.mark else sight
            for job_id, sight in fresh.items()
        }
        return {job_id for job_id, sight in self._seen.items() if now - sight.since >= self._lease_seconds}


def _is_beside(process: ProcessIdentity, here: ProcessIdentity) -> bool:
    return process.machine != "" and process.machine == here.machine


def _name_machine() -> str:
    """The same for processes that started since the same boot and share one space of process ids."""
    try:
        return f"{BOOT_ID.read_text().strip()}/{PROCESS_IDS.readlink()}"
    except OSError:
        return ""


def _read_start(pid: int) -> int:
    fields = _read_fields(pid)
    return int(fields[START_FIELD]) if fields else 0


def _read_fields(pid: int) -> list[str]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return stat.rpartition(")")[2].split()
