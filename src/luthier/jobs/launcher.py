"""A command becomes a process that ends with the one that started it, however that ends, and stands back for others.

Run as a program of its own between the two: what it sets is kept by what it then becomes, and no code has to run in
a half-made copy of a process with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

PR_SET_PDEATHSIG = 1  # man 2 prctl
AUTOGROUP = Path("/proc/self/autogroup")  # man 7 sched


def launch_command(command: Sequence[str], *, nice: int = 0) -> list[str]:
    """What to start instead of `command`, from a thread that lives as long as the process should.

    The kernel sends SIGKILL when that thread ends; where it cannot (it is no Linux), the process is only niced.
    """
    return [sys.executable, "-P", "-m", "luthier.jobs.launcher", str(os.getpid()), str(nice), *command]


def main(arguments: Sequence[str]) -> NoReturn:
    parent, nice, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit(1)  # it ended before it could have taken this process with it
    os.nice(int(nice))
    if os.getsid(0) == os.getpid():
        stand_back_as_session()
    os.execvp(command[0], command)


def stand_back_as_session() -> None:
    """Linux shares the cores among sessions first, and heeds niceness within each alone: the session gets ours too.

    Does nothing where the kernel has no such groups, or has them switched off.
    """
    with suppress(OSError):
        AUTOGROUP.write_text(str(os.nice(0)))


if __name__ == "__main__":
    main(sys.argv[1:])
