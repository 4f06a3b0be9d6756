"""A command and a count become that many processes that train together; whatever ends one of them ends all.

torchrun's own starter gives a stopped process 30 seconds, which one training step can take, and leaves the others
running when it is killed itself. Processes that torchrun starts are welcome all the same: they find the same names in
their environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import TYPE_CHECKING

from luthier.errors import ProcessLost
from luthier.settings import Launch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOST_CODE = 4
"""With which a process ends that stopped only because another one had ended."""

GRACE_SECONDS = 15
"""For the others to end by themselves once one has ended badly: to say what went wrong and close their files."""

SECONDS_BETWEEN_LOOKS = 0.05
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Worker:
    rank: int
    process: subprocess.Popen[bytes]
    said: Path | None  # what it writes to stderr; the main process's goes where ours goes


def run_processes(command: Sequence[str], count: int) -> int:
    """The exit code of the main process, which has said on stdout and stderr what it is about.

    Ctrl-C and a polite kill reach all processes, which then stop after the same step. None outlives this function, and
    when this process is killed they stop as by Ctrl-C. Raises ProcessLost when one ends that the main process does not
    know of, with what it said.
    """
    with TemporaryDirectory(prefix="luthier-") as folder, ExitStack() as stack:
        workers = [_start_worker(command, rank, count, Path(folder), stack=stack) for rank in range(count)]
        with _forward_signals(workers):
            first_failed = _wait_for_failure(workers)
            if first_failed is None:
                return 0
            was_killed = _end_all(workers)
        main_code = workers[0].process.returncode
        if main_code >= 0 and main_code != LOST_CODE:
            return main_code
        raise _build_error(_find_culprit(workers, first_failed, was_killed), count)


def watch_starter() -> None:
    """In a process that `run_processes` has started: the starter's end, which ends our stdin, asks for a stop."""
    threading.Thread(target=_wait_for_starter, name="starter", daemon=True).start()


def _wait_for_starter() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not through Python's buffer, whose lock would be in the way at the end
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _start_worker(command: Sequence[str], rank: int, count: int, folder: Path, *, stack: ExitStack) -> Worker:
    """In a session of its own, so that Ctrl-C reaches it once: from us."""
    launch = Launch(rank=rank, world_size=count, local_rank=rank, local_world_size=count).model_copy(
        update={"rendezvous": folder / "rendezvous"}
    )
    said = folder / f"stderr-{rank}" if rank else None
    process = subprocess.Popen(
        command,
        env=launch.build_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if said else None,
        stderr=stack.enter_context(said.open("wb")) if said else None,
        start_new_session=True,
    )
    stack.callback(_end, process)
    return Worker(rank, process, said)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin:
        process.stdin.close()


@contextmanager
def _forward_signals(workers: Sequence[Worker]) -> Iterator[None]:
    def forward(number: int, frame: object) -> None:
        for worker in workers:
            worker.process.send_signal(number)  # does nothing to one that has ended

    before = {number: signal.signal(number, forward) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_for_failure(workers: Sequence[Worker]) -> Worker | None:
    """The first that ends otherwise than well; None when all have ended well."""
    while True:
        codes = [worker.process.poll() for worker in workers]
        failed = [worker for worker, code in zip(workers, codes, strict=True) if code]
        if failed:
            return min(failed, key=_rate_as_cause)
        if None not in codes:
            return None
        sleep(SECONDS_BETWEEN_LOOKS)


def _end_all(workers: Sequence[Worker]) -> list[bool]:
    """Whether each had to be killed, because it did not end by itself."""
    deadline = monotonic() + GRACE_SECONDS
    while monotonic() < deadline and any(worker.process.poll() is None for worker in workers):
        sleep(SECONDS_BETWEEN_LOOKS)
    was_killed = [worker.process.poll() is None for worker in workers]
    for worker in workers:
        _end(worker.process)
    return was_killed


def _find_culprit(workers: Sequence[Worker], first_failed: Worker, was_killed: Sequence[bool]) -> Worker:
    others = [worker for worker in workers if worker.process.returncode and not was_killed[worker.rank]]
    return min([first_failed, *others], key=_rate_as_cause)


def _rate_as_cause(worker: Worker) -> int:
    """The lower, the likelier the others ended because of this one: a signal, an error, a lost connection."""
    code = worker.process.returncode
    return 0 if code < 0 else 2 if code == LOST_CODE else 1


def _build_error(worker: Worker, count: int) -> ProcessLost:
    """As the process itself told it, in the words of `luthier`'s own errors if it found any."""
    code = worker.process.returncode
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    lines = worker.said.read_text(errors="replace").strip().splitlines() if worker.said else []
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")] or lines[-1:]
    hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
    again = "run the same command again to go on from the last checkpoint"
    message = f"process {worker.rank + 1} of {count} {how}"
    return ProcessLost(f"{message}: {told[-1]}" if told else message, hint=hints[-1] if hints else again)
