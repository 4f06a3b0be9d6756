"""Runs a server as a child and ends it with all that it started as soon as whoever asked for it is gone.

It is a process of its own, since one that is killed cannot end its children any more: its standard input is a pipe that
the asking process holds open, and that closes with it, however it ends. It imports nothing but the standard library.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from threading import Thread

PATIENCE_SECONDS = 10.0
"""Between the request to end and the end by force."""


def main() -> int:
    """The arguments are the server's command line; returns its exit code."""
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True) as server:
        # In threads: in the main one `wait` could not be told that the server has ended.
        signal.signal(signal.SIGTERM, lambda number, frame: Thread(target=end_group, args=(server,)).start())
        Thread(target=end_with_owner, args=(server,), daemon=True).start()
        code = server.wait()
        signal_group(server.pid, signal.SIGKILL)  # its workers may have outlived it
    return code


def end_with_owner(server: subprocess.Popen[bytes]) -> None:
    """Waits for the end of standard input, without the lock of `sys.stdin`, which would be missed at the exit."""
    while os.read(0, 1):
        pass
    end_group(server)


def end_group(server: subprocess.Popen[bytes]) -> None:
    """Asks the server alone, which ends its workers in order, and forces all of them after a while."""
    server.terminate()
    try:
        server.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        signal_group(server.pid, signal.SIGKILL)


def signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main())
