"""One `vllm serve` and its log: started behind a guard that ends it with this process, watched, and ended."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LONGEST_LOG_BYTES = 4 * 2**20
"""An older log that has grown beyond this is begun anew."""

TAIL_BYTES = 64 * 2**10
TAIL_LINES = 12
PATIENCE_SECONDS = 20.0
"""More than the guard's own patience with the server, so that only a guard that hangs is killed."""


class VllmProcess:
    """It is a group of its own, so that Ctrl-C reaches Luthier alone, which then decides."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], log_path: Path) -> None:
        """Raises OSError when the log cannot be written."""
        self.log_path = log_path
        log_path.parent.mkdir(parents=True, exist_ok=True)
        is_large = log_path.exists() and log_path.stat().st_size > LONGEST_LOG_BYTES
        with log_path.open("wb" if is_large else "ab") as log:
            self._log_start = log.tell()
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "luthier.engine.vllm.guard", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._guard.poll()

    def read_last_lines(self) -> str:
        """The end of what this start has written."""
        with self.log_path.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(self._log_start, size - TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
        return "\n".join([line for line in lines if line.strip()][-TAIL_LINES:])

    def ask_to_end(self) -> None:
        """Returns at once; `close` waits for it."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()

    def close(self) -> None:
        """Ends the server and all that it started, by force if it does not end within some seconds."""
        self.ask_to_end()
        try:
            self._guard.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()


def find_free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
