"""An engine's side of the contest: lines on its standard input name a task, lines of JSON answer how that went.

Free of every library, so that all engines are timed by the same lines. A task is a function that generates and returns
what it generated; what it does before it returns is what counts.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from generate.job import Job, Row


TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
"""What the system counts work in."""


class Answer(NamedTuple):
    """`ids` are its tokens, or empty where the engine tells only the `text`."""

    token_count: int
    ids: Sequence[int] = ()
    text: str = ""


class Stream(NamedTuple):
    """One answer that was generated alone: seconds from the request to its first token, and to its last."""

    first_seconds: float
    last_seconds: float
    token_count: int


class Engine(NamedTuple):
    """`answer` takes some rows of the job and options of the engine's own; it returns each row's answer in the order of
    the rows. `stream` takes one row. `forget` lets go of every prompt that was seen before; its time does not count.
    `process` does the work where it is not this one."""

    answer: Callable[[Sequence[Row], dict[str, Any]], list[Answer]]
    stream: Callable[[Row], Stream] | None = None
    forget: Callable[[], None] = lambda: None
    process: int = os.getpid()


class Arrivals:
    """Counts tokens while they come."""

    def __init__(self) -> None:
        self._started = self._last = perf_counter()
        self._first: float | None = None
        self._count = 0

    def add(self, count: int) -> None:
        """So many tokens are there now."""
        if not count:
            return
        self._last = perf_counter()
        self._first = self._first or self._last
        self._count += count

    def close(self) -> Stream:
        if self._first is None:
            raise SystemExit("a stream without a token")
        return Stream(self._first - self._started, self._last - self._started, self._count)


def list_ids(answers: Sequence[Sequence[int]]) -> list[Answer]:
    return [Answer(len(ids), ids) for ids in answers]


def take_turns(job: Job, load: Callable[[Job], Engine]) -> None:
    """Until the standard input ends."""
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(figures: dict[str, Any]) -> None:
        answers.write(json.dumps(figures) + "\n")
        answers.flush()

    engine = load(job)
    tell({"peak_bytes": read_peak_bytes(engine.process)})
    while line := sys.stdin.readline():
        task = json.loads(line)
        engine.forget()
        take = _stream_rows if task["kind"] == "stream" else _answer_rows
        tell(take(engine, job, task) | {"peak_bytes": read_peak_bytes(engine.process)})


def read_processor_seconds(process: int) -> float:
    """Of all its threads; what it has started and is still running does not count."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_SECONDS


def read_busy_seconds() -> float:
    """Of all cores, by all programs, since the machine was started."""
    user, nice, system, _, _, interrupts, soft_interrupts, *_ = map(
        int, Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    )
    return (user + nice + system + interrupts + soft_interrupts) * TICK_SECONDS


def read_peak_bytes(process: int) -> int:
    """The most memory that the process has held."""
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def _answer_rows(engine: Engine, job: Job, task: dict[str, Any]) -> dict[str, Any]:
    rows = job.rows[:: task["every"]]
    own, busy, started = read_processor_seconds(engine.process), read_busy_seconds(), perf_counter()
    answers = engine.answer(rows, task["options"])
    figures = {
        "seconds": perf_counter() - started,
        "processor_seconds": max(TICK_SECONDS, read_processor_seconds(engine.process) - own),
        "busy_seconds": read_busy_seconds() - busy,
        "tokens": sum(answer.token_count for answer in answers),
        "prompt_tokens": sum(len(row.ids) for row in rows),
    }
    lengths, wanted = [answer.token_count for answer in answers], [row.answer_tokens for row in rows]
    if lengths != wanted:
        raise SystemExit(f"answers of {lengths} tokens where {wanted} were asked for")
    return figures | ({"answers": [answer._asdict() for answer in answers]} if task["tells_answers"] else {})


def _stream_rows(engine: Engine, job: Job, task: dict[str, Any]) -> dict[str, Any]:
    if engine.stream is None:
        raise SystemExit("this engine streams nothing")
    streams = [engine.stream(row) for row in job.streams]
    return {"streams": [stream._asdict() for stream in streams]}
