"""Engines that are started side by side take their steps in turns, so that what else the machine does hits all alike.

Each is a process that stays alive and sleeps while it is not its turn.
"""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence

    from train.job import Job

BENCHMARKS = Path(__file__).parents[1]

THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "2000", "TOKENIZERS_PARALLELISM": "false"}
"""An engine that waits must not spin on a core that another one computes on."""


class EngineFailed(Exception):
    """With the end of what it said."""


class Entrant(NamedTuple):
    """`module` is run by `python`, which need not be the Python of the benchmark."""

    name: str
    python: str
    module: str
    job: Job


class Turn(NamedTuple):
    """`foreign_fraction` of the machine's cores was used by other programs meanwhile."""

    seconds: float
    processor_seconds: float
    peak_bytes: int
    foreign_fraction: float
    figures: dict[str, float]


class Contest:
    """Within it all engines are loaded; `ready_seconds` is what each took from its start until its first step."""

    def __init__(self, entrants: Sequence[Entrant]) -> None:
        self._entrants = entrants
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._stack = ExitStack()
        self.ready_seconds: dict[str, float] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for entrant in self._entrants:
                started = perf_counter()
                self._processes[entrant.name] = stack.enter_context(start_engine(entrant))
                # An exit waits for the process, which has to be told first.
                stack.callback(self._processes[entrant.name].kill)
                self._read(entrant)
                self.ready_seconds[entrant.name] = perf_counter() - started
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def take_round(self) -> dict[str, Turn]:
        """One step of each."""
        return {entrant.name: self._take_turn(entrant) for entrant in self._entrants}

    def save_adapters(self) -> dict[str, dict[str, Any]]:
        """Into the folder `adapter` of each one's job; what each says of it."""
        return {entrant.name: self._ask(entrant, f"save {locate_adapter(entrant.job)}") for entrant in self._entrants}

    def _take_turn(self, entrant: Entrant) -> Turn:
        busy = _read_busy_seconds()
        answer = self._ask(entrant, "step")
        busy = _read_busy_seconds() - busy
        seconds, processor_seconds = answer.pop("seconds"), answer.pop("processor_seconds")
        foreign = max(0.0, busy - processor_seconds) / (seconds * (os.cpu_count() or 1))
        return Turn(seconds, processor_seconds, answer.pop("peak_bytes"), min(1.0, foreign), answer)

    def _ask(self, entrant: Entrant, command: str) -> dict[str, Any]:
        channel = self._processes[entrant.name].stdin
        assert channel is not None
        try:
            channel.write(f"{command}\n")
            channel.flush()
        except BrokenPipeError:
            raise EngineFailed(_describe_failure(entrant)) from None
        return self._read(entrant)

    def _read(self, entrant: Entrant) -> dict[str, Any]:
        channel = self._processes[entrant.name].stdout
        assert channel is not None
        if not (line := channel.readline()):
            raise EngineFailed(_describe_failure(entrant))
        answer: dict[str, Any] = json.loads(line)
        return answer


def start_engine(entrant: Entrant) -> subprocess.Popen[str]:
    job = entrant.job.write()
    with _locate_log(entrant.job).open("w") as log:
        return subprocess.Popen(
            [entrant.python, "-m", entrant.module, str(job)],
            cwd=BENCHMARKS,
            env=build_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


def build_environment() -> dict[str, str]:
    """The same for all: as many threads as cores, and no network, since every weight is there."""
    threads = str(os.cpu_count() or 1)
    return {**os.environ, **THREADS, "OMP_NUM_THREADS": threads, "HF_HUB_OFFLINE": "1"}


def locate_adapter(job: Job) -> Path:
    return Path(job.folder) / "adapter"


def _locate_log(job: Job) -> Path:
    return Path(job.folder) / "log.txt"


def _describe_failure(entrant: Entrant) -> str:
    end = _locate_log(entrant.job).read_text(errors="replace").strip()[-2000:]
    return f"{entrant.name} ended without an answer:\n{end}"


def _read_busy_seconds() -> float:
    """Of all cores since the machine was started."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
