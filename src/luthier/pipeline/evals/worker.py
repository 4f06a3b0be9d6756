"""Runs that wait are worked on, a few beside one another, for as long as this process lives."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import BoundedSemaphore, Event
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import LeaseLost, MachineError
from luthier.jobs.evals.queue import claim_run, release_lost_runs
from luthier.jobs.liveness import BeatWatch, identify_process
from luthier.pipeline.evals.runner import RunWork, Workshop
from luthier.store.eval_runs import RunError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from luthier.engine.protocol import Engine
    from luthier.evaluation.graders.openai.grading import Tools
    from luthier.jobs.liveness import ProcessIdentity
    from luthier.pipeline.evals.questions import BuildRequest
    from luthier.store.home import Home

LOG = logging.getLogger(__name__)

RUNS_AT_ONCE = 4
"""A short run does not wait for a long one to end; they share the places for items."""

CODE_AT_ONCE = 2
"""A grader's code may take 2 GiB of memory and a whole core."""

BEATS_PER_LEASE = 6
POLL_SECONDS = 1.0


class Answering(NamedTuple):
    """What items are answered and judged with."""

    engine: Engine
    tools: Tools
    build_request: BuildRequest


class EvalWorker:
    """`woken` is set by whoever has made or ended a run, so that nobody waits for the next look."""

    def __init__(self, home: Home, answering: Answering, *, woken: Event, here: ProcessIdentity | None = None) -> None:
        self._home = home
        self._answering = answering
        self._woken = woken
        self._here = here or identify_process()
        self._works: dict[Future[None], RunWork] = {}
        lease_seconds = home.settings.job_lease_seconds
        self._watch = BeatWatch(lease_seconds)
        self._beat_seconds = lease_seconds / BEATS_PER_LEASE
        self._beat_at = 0.0

    def run_until(self, stop: Event) -> None:
        """Runs that have not ended then wait for the next process, as far as they have come. Set `woken` too."""
        items_at_once = self._home.settings.eval_items_in_flight
        with ThreadPoolExecutor(items_at_once, "eval-item") as items, ThreadPoolExecutor(RUNS_AT_ONCE, "eval") as runs:
            code_slots = BoundedSemaphore(CODE_AT_ONCE)
            shop = Workshop(self._home, *self._answering, items, items_at_once, code_slots)
            while not stop.is_set():
                try:
                    self._do_round(shop, runs)
                except MachineError as error:  # no database, or no room in it: for the moment
                    LOG.debug("cannot look after eval runs: %s", error.message)
                self._woken.wait(POLL_SECONDS)
                self._woken.clear()
            for work in self._works.values():
                work.stop()
        for work in self._works.values():
            with suppress(LeaseLost, MachineError):
                work.hold.give_back()

    def _do_round(self, shop: Workshop, runs: ThreadPoolExecutor) -> None:
        self._bury()
        release_lost_runs(self._home.database, self._watch, here=self._here)
        self._beat()
        while len(self._works) < RUNS_AT_ONCE:
            claim = claim_run(self._home.database, self._here, attempts=self._home.settings.job_attempts)
            if claim is None:
                return
            LOG.info("eval run %s: attempt %d", claim.run.id, claim.hold.attempt)
            work = RunWork(shop, claim)
            future = runs.submit(work.work)
            future.add_done_callback(lambda _: self._woken.set())
            self._works[future] = work

    def _bury(self) -> None:
        """What ended a run by surprise is a fault of ours: it is said, and the run fails rather than hangs."""
        for future in [future for future in self._works if future.done()]:
            work, error = self._works[future], future.exception()
            if error is not None:
                LOG.error("eval run %s broke off", work.hold.run_id, exc_info=error)
                with suppress(LeaseLost):
                    work.hold.fail(RunError("server_error", "the server failed at this run; its log says how"))
            del self._works[future]

    def _beat(self) -> None:
        """And stops what somebody has canceled, deleted or taken over."""
        is_due = time.monotonic() >= self._beat_at
        for work in self._works.values():
            try:
                if is_due:
                    work.hold.beat()
                elif not work.hold.is_mine():
                    work.stop()
            except LeaseLost:
                work.stop()
        if is_due:
            self._beat_at = time.monotonic() + self._beat_seconds
