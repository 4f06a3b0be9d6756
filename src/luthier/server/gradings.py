"""What the server grades with: a sandbox, and threads that may be busy for minutes."""

from __future__ import annotations

from luthier.evaluation.graders.openai.confinement.sandbox import Sandbox
from luthier.server.own_threads import OwnThreads

THREADS = 4
"""A grader's code may take 2 GiB of memory and a whole core."""

MOST_AT_ONCE = 64


class Gradings(OwnThreads):
    def __init__(self, sandbox: Sandbox | None = None) -> None:
        super().__init__(THREADS, most_at_once=MOST_AT_ONCE)
        self.sandbox = sandbox or Sandbox()
