"""A supervisor of small programs, as a process of its own: what it does stands in files of one folder.

    python -m tests.support.supervised FOLDER '{"NAME": {"program": "...", "stage": 1, "patience": 5, "silent": 9}}'

A program finds `tell_ready()`, which it calls again to say that it is well, and `note(text)`, which writes a line to
the folder's file `told`. Once the folder has a file `later`, the supervisor's clock is an hour further, as if it had
been frozen for so long; from then on it notes each look at the clock as `looks`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from pathlib import Path

from luthier.errors import ProcessLost
from luthier.server.processes.part import Part
from luthier.server.processes.supervisor import Supervisor

PRELUDE = """
import os, signal, sys, time
def tell_ready():
    os.write(int(sys.argv[1]), b"1")
def note(text):
    with open(sys.argv[2], "a") as told:
        told.write(text + "\\n")
"""


def build(program: str, told: Path, ready_fd: int) -> list[str]:
    # -I and -S: nothing but the interpreter, so that it starts at once
    return [sys.executable, "-I", "-S", "-c", PRELUDE + program, str(ready_fd), str(told)]


def note(told: Path, text: str) -> None:
    with told.open("a") as file:
        file.write(f"{text}\n")


def main() -> int:
    folder = Path(sys.argv[1])
    told = folder / "told"

    def clock() -> float:
        if not (folder / "later").exists():
            return time.monotonic()
        note(told, "looks")
        return time.monotonic() + 3600

    parts = [
        Part(
            name,
            partial(build, each["program"], told),
            os.environ,
            each["stage"],
            each["patience"],
            silent_seconds=each["silent"],
        )
        for name, each in json.loads(sys.argv[2]).items()
    ]
    try:
        Supervisor(parts, clock=clock).run(on_ready=lambda: note(told, "ready"), on_stop=lambda: note(told, "stopping"))
    except ProcessLost as error:
        note(told, error.message)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
