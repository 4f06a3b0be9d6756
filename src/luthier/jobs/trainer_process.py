"""A command becomes a running process group whose output is a log file, and which can be stopped as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

from luthier.jobs.launcher import launch_command
from luthier.settings import build_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class TrainerProcess:
    """Started in a session of its own, so that it hears neither the terminal nor what is sent to its worker.

    Start it from the main thread: it ends with the thread that started it. Raises OSError when it cannot be started.
    """

    def __init__(self, command: Sequence[str], *, log: Path, nice: int, environment: Mapping[str, str]) -> None:
        self._is_buried = False
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                launch_command(command, nice=nice),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=build_environment(environment),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        """The first look at one that has ended ends its group too: later its number may be that of another's."""
        if not self._is_buried and self._process.poll() is not None:
            self.kill()
            self._is_buried = True
        return not self._is_buried

    def interrupt(self) -> None:
        """Asks the process itself to stop, and leaves its helpers to it."""
        self._process.terminate()

    def kill(self) -> None:
        """Ends the whole group. Nothing happens when that is over already."""
        if self._is_buried:
            return
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # nobody is left

    def wait(self) -> None:
        """Until the process that was killed is gone."""
        self._process.wait()
        self.is_running()

    def describe_end(self) -> str:
        """How the process ended, for a person."""
        code = self._process.returncode
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process ended with exit code {code} and said nothing"
