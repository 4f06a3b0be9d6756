"""What the supervisor tells a process that it starts, as one argument of its command line."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from pydantic import TypeAdapter

from luthier.pipeline.engines import EngineKind


@dataclass(frozen=True, slots=True)
class Assignment:
    """`ready_fd` is where the process says that it is ready; `listener_fd` the socket whose requests the API answers.

    `engine_socket` stands in a folder that only this user may open.
    """

    ready_fd: int
    engine_socket: str
    listener_fd: int = -1
    engine: EngineKind = "torch"
    own_hosts: tuple[str, ...] = ()
    is_behind_proxy: bool = False


ASSIGNMENTS = TypeAdapter(Assignment)


def build_command(module: str, assignment: Assignment) -> list[str]:
    # With -P a file of the user's called random.py does not take the place of Python's own.
    return [sys.executable, "-P", "-m", module, ASSIGNMENTS.dump_json(assignment).decode()]


def read_assignment() -> Assignment:
    """Of this process."""
    return ASSIGNMENTS.validate_json(sys.argv[1])
