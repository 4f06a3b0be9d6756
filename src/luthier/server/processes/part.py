"""One process of the server as the supervisor sees it: not running, starting, ready, or dead and waiting its time."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 30.0
"""Before a process that died is started again; twice as long each time that it dies young."""

YOUNG_SECONDS = 60.0

SILENT_SECONDS = 60.0
"""Of a process that says a word every few seconds: it is frozen, or none of its threads gets on."""

WORDS_AT_ONCE = 1024


@dataclass(frozen=True)
class Part:
    """`build_command` gets the file descriptor on which the process says that it is ready, and then again and again
    that it is well, as long as it keeps it open.

    Parts of a lower `stage` are asked to end first, and have `patience_seconds` for it. One that has said nothing for
    `silent_seconds` is taken to hang.
    """

    name: str
    build_command: Callable[[int], Sequence[str]]
    environment: Mapping[str, str]
    stage: int
    patience_seconds: float
    kept_fds: tuple[int, ...] = ()
    silent_seconds: float = SILENT_SECONDS


class Death(NamedTuple):
    """How a process ended, in words, and how long it is left alone before it is started again."""

    how: str
    pause_seconds: float


class Ward:
    """The process of a part, and what became of those before it. Times are of the supervisor's clock."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.is_ready = False
        self.due: float | None = 0.0  # when to start it; None while it runs
        self.ready_fd = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._heard = 0.0
        self._young_deaths = 0

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self, now: float) -> None:
        """A group of its own, so that Ctrl-C reaches the supervisor alone, which then decides.

        Raises OSError, and is due again after a while, when no process can be started.
        """
        self.due = now + LONGEST_PAUSE_SECONDS
        self.ready_fd, told_fd = os.pipe()
        try:
            self._process = subprocess.Popen(
                self.part.build_command(told_fd),
                stdin=subprocess.PIPE,  # closes when the supervisor ends, by which the process knows
                env=self.part.environment,
                pass_fds=(told_fd, *self.part.kept_fds),
                start_new_session=True,
            )
        except OSError:
            self.close_ready_fd()
            raise
        finally:
            os.close(told_fd)
        self._started, self.due = now, None

    def read_words(self, now: float) -> None:
        """When something is to be read: the process is ready, or still well, or will say no more."""
        if os.read(self.ready_fd, WORDS_AT_ONCE):
            self.is_ready, self._heard = True, now
        else:
            self.close_ready_fd()

    def is_silent(self, now: float) -> bool:
        """Though it had begun to say that it is well."""
        return self.is_ready and self.ready_fd >= 0 and now - self._heard >= self.part.silent_seconds

    def forgive(self, now: float) -> None:
        """Nobody listened until now."""
        self._heard = now

    def close_ready_fd(self) -> None:
        if self.ready_fd >= 0:
            os.close(self.ready_fd)
            self.ready_fd = -1

    def note_death(self, now: float) -> Death | None:
        """None while it runs or is not there."""
        process = self._process
        if process is None or process.poll() is None:
            return None
        if process.stdin is not None:
            process.stdin.close()
        self._young_deaths = self._young_deaths + 1 if now - self._started < YOUNG_SECONDS else 0
        self._process, self.is_ready = None, False
        self.close_ready_fd()
        pause = min(FIRST_PAUSE_SECONDS * 2.0 ** max(self._young_deaths - 1, 0), LONGEST_PAUSE_SECONDS)
        self.due = now + pause
        return Death(_describe_end(process.returncode), pause)

    def send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)  # does nothing to one that has ended

    def kill(self) -> None:
        """With all that it has started in its group."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)


def _describe_end(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
