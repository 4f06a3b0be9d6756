"""Jobs go in from any thread, and daemon threads do them in the order in which they came.

What is done in steps is a job that puts itself to the end of the queue again: so several such take turns.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from heapq import heappop, heappush
from itertools import count
from threading import TIMEOUT_MAX, Condition, Thread, current_thread
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import LuthierError, MachineError, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Callable


class Job(NamedTuple):
    """`give_up` is called instead of `do`, or after it failed; it tells those who wait, and raises nothing."""

    do: Callable[[], None]
    give_up: Callable[[LuthierError], None]


class _Later(NamedTuple):
    """`number` decides between equal times, before jobs would be compared."""

    due: float
    number: int
    job: Job


class Worker:
    """An error that a job does not handle ends its thread, with a traceback on stderr as for any thread; the job is
    given up, and a new thread goes on with the others."""

    def __init__(self, name: str, *, threads: int = 1) -> None:
        self._name = name
        self._jobs: deque[Job] = deque()
        self._later: list[_Later] = []  # a heap
        self._numbers = count()
        self._changed = Condition()
        self._is_closed = False
        self._threads: set[Thread] = set()
        self._begun: dict[Thread, float] = {}
        for _ in range(threads):
            self._start_thread()

    @property
    def busy_seconds(self) -> float:
        """How long the longest job has taken that is being done; 0.0 when none is."""
        now = time.monotonic()
        return max((now - begun for begun in list(self._begun.values())), default=0.0)

    def put(
        self, do: Callable[[], None], *, give_up: Callable[[LuthierError], None], delay_seconds: float = 0.0
    ) -> None:
        """With a delay, it comes to the end of the queue when that is over."""
        job = Job(do, give_up)
        with self._changed:
            if not self._is_closed:
                if delay_seconds > 0:
                    heappush(self._later, _Later(time.monotonic() + delay_seconds, next(self._numbers), job))
                else:
                    self._jobs.append(job)
                self._changed.notify()
                return
        give_up(_tell_closed())

    def close(self, *, waits: bool = True) -> None:
        """Gives up what is not begun; with `waits`, returns when what is begun has ended."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            jobs = [*self._jobs, *(later.job for later in self._later)]
            self._jobs.clear()
            self._later.clear()
            threads = self._threads - {current_thread()}
        for thread in threads if waits else ():
            thread.join()
        for job in jobs:
            job.give_up(_tell_closed())

    def _start_thread(self) -> None:
        thread = Thread(target=self._work, name=self._name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _work(self) -> None:
        job = None
        try:
            while (job := self._take()) is not None:
                self._begun[current_thread()] = time.monotonic()
                job.do()
                del self._begun[current_thread()]
                job = None  # an idle thread holds nothing of what it has done
        finally:
            self._begun.pop(current_thread(), None)
            if job is not None:
                self._replace_thread(job)

    def _take(self) -> Job | None:
        """None when the worker is closed."""
        with self._changed:
            while not self._is_closed:
                now = time.monotonic()
                while self._later and self._later[0].due <= now:
                    self._jobs.append(heappop(self._later).job)
                if self._jobs:
                    return self._jobs.popleft()
                self._changed.wait(min(self._later[0].due - now, TIMEOUT_MAX) if self._later else None)
            return None

    def _replace_thread(self, failed: Job) -> None:
        """In the thread that is ending, whose error goes on to `threading.excepthook`.

        The job is given up before another thread begins, since it may be part of what that one would do next.
        """
        message = f"the engine failed: {sys.exception()!r}"
        try:
            failed.give_up(MachineError(message, hint="the log has the traceback: please report it"))
        finally:
            with self._changed:
                self._threads.discard(current_thread())
                if not self._is_closed:
                    self._start_thread()


def _tell_closed() -> RequestCancelled:
    return RequestCancelled("the engine was closed")
