"""Python code with what it grades goes in, its verdict comes out, from a process that can reach nothing."""

from __future__ import annotations

import json
import math
import os
import select
import signal
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, TYPE_CHECKING, Any, Final, Literal, NamedTuple, cast

import luthier
from luthier.errors import IsolationMissing
from luthier.evaluation.graders.openai.confinement.surroundings import Surroundings, survey_surroundings

if TYPE_CHECKING:
    from threading import Event

Wall = Literal["namespaces", "landlock"]

LONGEST_NAP_MS: Final = 100  # until it is seen that nobody waits any more
LONGEST_FINDING: Final = 64 * 1024  # bytes; the jail itself writes no more than a fifth of it
BOOT: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    "from luthier.evaluation.graders.openai.confinement.jail import main; main()"
)
ENVIRONMENT: Final = {
    "LANG": "C.UTF-8",
    "HOME": "/",
    # It may start no thread.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""All of it: the server's own holds keys."""

HINT: Final = (
    "it takes Linux 6.2 or later with Landlock, or with user namespaces for everybody; a container may forbid both"
)


class Limits(NamedTuple):
    seconds: int = 120
    memory_bytes: int = 2 * 1024**3


LIMITS: Final = Limits()


class Verdict(NamedTuple):
    """A number, or in `fault` what is wrong with the code; `was_stopped` when it did not end by itself."""

    value: float = 0.0
    fault: str | None = None
    was_stopped: bool = False


class Sandbox:
    """Each call starts a process of its own: nothing that code leaves behind is there for the next.

    `walls` are those that may stand between the code and the files; one must, and all that the machine has do.
    """

    def __init__(self, limits: Limits = LIMITS, *, walls: tuple[Wall, ...] = ("namespaces", "landlock")) -> None:
        self.limits = limits
        self._walls = walls

    def grade(self, source: str, *, sample: Any, item: Any, halted: Event | None = None) -> Verdict:
        """What `grade(sample, item)` of the code returns; once `halted` is set it is stopped.

        Raises IsolationMissing, and then nothing was run.
        """
        return self._run({"source": source, "sample": sample, "item": item, "is_check": False}, halted)

    def check(self, source: str) -> str | None:
        """Why the code cannot grade, as far as that is seen without running it; None for code that may.

        Confined as well, for some code makes Python itself crash when it reads it. Raises IsolationMissing.
        """
        return self._run({"source": source, "sample": None, "item": None, "is_check": True}).fault

    @cached_property
    def _surroundings(self) -> Surroundings:
        return survey_surroundings()

    def _run(self, task: dict[str, Any], halted: Event | None = None) -> Verdict:
        with TemporaryDirectory(prefix="luthier-grader-") as folder, TemporaryFile() as letter:
            letter.write(json.dumps({**task, **self._furnish(Path(folder))}).encode())
            letter.seek(0)
            ending = _converse(letter, seconds=self.limits.seconds, halted=halted)
        if halted is not None and halted.is_set():
            return Verdict(fault="nobody waits for the code any more", was_stopped=True)
        return _read_verdict(ending, self.limits)

    def _furnish(self, folder: Path) -> dict[str, Any]:
        """The part of an order that is this machine's: a folder of links stands for the packages, so that no other of
        those that are installed can be imported."""
        root, links = folder / "root", folder / "packages"
        root.mkdir()
        links.mkdir()
        around = self._surroundings
        for path in around.packages:
            (links / Path(path).name).symlink_to(path)
        return {
            "walls": self._walls,
            "visible": [*around.system, *around.packages, str(links.resolve())],
            "search": [*around.library, str(links.resolve())],
            "root": str(root.resolve()),
            "server": os.getpid(),
            "memory_bytes": self.limits.memory_bytes,
            "seconds": self.limits.seconds,
        }


class _Ending(NamedTuple):
    """`said` is None when the time was over, nobody waited any more, or more was said than there is to say."""

    said: bytes | None
    status: int


def _converse(letter: IO[bytes], *, seconds: float, halted: Event | None) -> _Ending:
    """The process is gone when this returns or raises."""
    source_root = str(Path(luthier.__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", BOOT, source_root],
        stdin=letter,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    ) as process:
        try:
            said = _read_all(cast("IO[bytes]", process.stdout), deadline=time.monotonic() + seconds, halted=halted)
        finally:
            process.kill()
    return _Ending(said, process.returncode)


def _read_all(pipe: IO[bytes], *, deadline: float, halted: Event | None) -> bytes | None:
    """Everything until the other end is closed; None when that takes too long, or it is too much."""
    said = b""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while len(said) <= LONGEST_FINDING:
        left_ms = 1000 * (deadline - time.monotonic())
        if left_ms <= 0 or (halted is not None and halted.is_set()):
            return None
        if not poll.poll(min(left_ms, LONGEST_NAP_MS)):
            continue
        heard = os.read(pipe.fileno(), LONGEST_FINDING)
        if not heard:
            return said
        said += heard
    return None


def _read_verdict(ending: _Ending, limits: Limits) -> Verdict:
    """The code may have written what it likes where the jail writes its finding: nothing of that is trusted.

    Raises IsolationMissing.
    """
    if ending.said is None:
        return Verdict(fault=f"the code took longer than {limits.seconds} seconds", was_stopped=True)
    finding = _parse_finding(ending.said)
    if (reason := finding.get("refused")) is not None:
        raise IsolationMissing(
            f"a python grader cannot be run here, for nothing would stand around its code: {reason}", hint=HINT
        )
    if (fault := finding.get("fault")) is not None:
        return Verdict(fault=str(fault).encode("utf-8", "replace").decode())
    value = finding.get("value")
    if not isinstance(value, float) or not math.isfinite(value):
        return Verdict(fault=f"the code {_describe_status(ending.status)} without a number", was_stopped=True)
    return Verdict(value)


def _parse_finding(said: bytes) -> dict[str, Any]:
    try:
        finding = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return finding if isinstance(finding, dict) else {}


def _describe_status(status: int) -> str:
    if status >= 0:
        return "ended"
    return f"was ended by {signal.Signals(-status).name}"
