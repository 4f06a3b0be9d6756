"""Engines that are started side by side do their tasks in turns, so that what else the machine does hits all alike.

Each is a process that stays alive and sleeps while it is not its turn.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from train.contest import BENCHMARKS, build_environment

from generate.job import Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generate.contestants import Contestant, Task
    from generate.job import Row


class ContestantFailed(Exception):
    """With the end of what it said."""


class Seat:
    """Within it a contestant is loaded; `ready_seconds` is what that took."""

    def __init__(self, contestant: Contestant, *, rows: Sequence[Row], streams: Sequence[Row], folder: Path) -> None:
        self.contestant = contestant
        place = folder / contestant.name
        self._job = Job(str(contestant.model), list(rows), list(streams), str(place), contestant.options)
        self._log = place / "log.txt"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        started = perf_counter()
        job = self._job.write()
        with self._log.open("w") as log, ExitStack() as stack:
            self._process = stack.enter_context(
                subprocess.Popen(
                    [str(self.contestant.python), "-m", self.contestant.module, str(job)],
                    cwd=BENCHMARKS,
                    env={**build_environment(), **self.contestant.environment},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,  # with what it starts itself
                )
            )
            # An exit waits for the process, which ends when its input does; one that hangs has to be told.
            stack.callback(self._stop)
            self.ready = self._read()
            self._stack = stack.pop_all()
        self.ready_seconds = perf_counter() - started
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def do(self, task: Task, *, every: int = 1, tells_answers: bool = False) -> dict[str, Any]:
        """One turn and its figures; the share of the cores that other programs used is among them."""
        question = {"kind": task.kind, "options": dict(task.options), "every": every, "tells_answers": tells_answers}
        channel = self._process.stdin
        assert channel is not None
        try:
            channel.write(json.dumps(question) + "\n")
            channel.flush()
        except BrokenPipeError:
            raise self._describe_failure() from None
        figures = self._read()
        if "busy_seconds" in figures:
            foreign = figures.pop("busy_seconds") - figures["processor_seconds"]
            figures["foreign_fraction"] = min(1.0, max(0.0, foreign) / (figures["seconds"] * (os.cpu_count() or 1)))
        return figures

    def _read(self) -> dict[str, Any]:
        channel = self._process.stdout
        assert channel is not None
        if not (line := channel.readline()):
            raise self._describe_failure()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _stop(self) -> None:
        channel = self._process.stdin
        assert channel is not None
        channel.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)

    def _describe_failure(self) -> ContestantFailed:
        end = self._log.read_text(errors="replace").strip()[-2000:]
        return ContestantFailed(f"{self.contestant.name} ended without an answer:\n{end}")
