"""Jobs that wait become trainer processes, which this worker starts, watches, stops and buries."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from luthier.errors import DatabaseUnavailable, DiskFull, LeaseLost
from luthier.jobs.job import ENDED
from luthier.jobs.liveness import BeatWatch, identify_process
from luthier.jobs.queue import beat_worker, claim_next, register_worker, release_unknown, remove_worker
from luthier.jobs.trainer_process import TrainerProcess
from luthier.jobs.watchman import Watchman

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from luthier.jobs.hold import Hold, Pulse
    from luthier.jobs.job import Job
    from luthier.jobs.liveness import ProcessIdentity
    from luthier.jobs.queue import Claim
    from luthier.store.database import Database

BEATS_PER_LEASE = 6
LOOKS_PER_LEASE = 12
LONGEST_BEAT_SECONDS = 2.0  # also how long a trainer may go on after somebody cancelled its job
LONGEST_REST_SECONDS = 60.0

log = logging.getLogger(__name__)


class WorkerOptions(NamedTuple):
    """`attempts` are claims in a row without a new saved step; a trainer that is asked to stop has `stop_seconds`."""

    lease_seconds: float = 60.0
    attempts: int = 5
    nice: int = 10
    poll_seconds: float = 0.5
    stop_seconds: float = 30.0


@dataclass(slots=True)
class Assignment:
    """A job that this worker holds and the process that works on it. `asked` is why that was asked to stop."""

    job_id: str
    hold: Hold
    process: TrainerProcess
    beat_at: float
    is_validating: bool
    asked: str = ""
    kill_at: float = field(default=float("inf"))
    is_lost: bool = False


class Worker:
    """`command` says what to run for a claimed job; each trainer's output goes to `logs`/<job id>.log.

    A database that is away or full ends neither the worker nor its trainers: it waits, and they are told apart later.
    """

    def __init__(
        self,
        db: Database,
        command: Callable[[Job], list[str]],
        *,
        logs: Path,
        options: WorkerOptions = WorkerOptions(),
        environment: Mapping[str, str] | None = None,
        here: ProcessIdentity | None = None,
    ) -> None:
        self._db = db
        self._command = command
        self._logs = logs
        self._options = options
        self._environment = dict(environment or {})
        self._here = here or identify_process()
        self._beat_seconds = min(options.lease_seconds / BEATS_PER_LEASE, LONGEST_BEAT_SECONDS)
        self._assignments: list[Assignment] = []
        self._rests: dict[str, float] = {}
        self._beat_at = 0.0
        self._has_database = True
        self.id = ""

    def run_until(self, stop: threading.Event) -> None:
        """Works until `stop` is set and every trainer has ended; their jobs go back to the queue.

        Call it from the main thread: trainers end with the thread that started them.
        """
        lease_seconds = self._options.lease_seconds
        pause_seconds = min(lease_seconds / LOOKS_PER_LEASE, LONGEST_BEAT_SECONDS)
        watchman = Watchman(self._db, BeatWatch(lease_seconds), here=self._here, pause_seconds=pause_seconds)
        watchman.start()
        while not stop.is_set():
            self._do_round(takes_jobs=True)
            stop.wait(self._options.poll_seconds)
        watchman.stop()
        deadline = time.monotonic() + self._options.stop_seconds
        for assignment in self._assignments:
            self._ask_to_stop(assignment, "stop")
        # A database that is away now may be back in time; else others find the jobs when the lease is over.
        while self._assignments and time.monotonic() < deadline + LONGEST_BEAT_SECONDS:
            self._do_round(takes_jobs=False)
            time.sleep(self._options.poll_seconds / 5)
        for assignment in self._assignments:
            assignment.process.kill()
        self._with_database(lambda: remove_worker(self._db, self.id) if self.id else None)

    def _do_round(self, *, takes_jobs: bool) -> None:
        for assignment in list(self._assignments):
            self._watch_process(assignment)
        self._with_database(lambda: self._do_database_round(takes_jobs=takes_jobs))

    def _do_database_round(self, *, takes_jobs: bool) -> None:
        self._keep_registered()
        for assignment in list(self._assignments):
            if assignment.process.is_running():
                self._beat(assignment)
            else:
                self._bury(assignment)
        if takes_jobs:
            self._take_job()

    def _with_database(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (DatabaseUnavailable, DiskFull) as error:
            if self._has_database:
                log.warning("the database takes nothing, and training goes on without it: %s", error.message)
            self._has_database = False
        else:
            self._has_database = True

    def _keep_registered(self) -> None:
        now = time.monotonic()
        if not self.id:
            self.id = register_worker(self._db, self._here)
        elif now >= self._beat_at:
            beat_worker(self._db, self.id)
        else:
            return
        self._beat_at = now + self._options.lease_seconds / BEATS_PER_LEASE

    def _take_job(self) -> None:
        release_unknown(self._db, self.id, [assignment.job_id for assignment in self._assignments])
        now = time.monotonic()
        self._rests = {job_id: until for job_id, until in self._rests.items() if until > now}
        claim = claim_next(self._db, self.id, attempts=self._options.attempts, except_for=list(self._rests))
        if claim is not None:
            self._start(claim)

    def _start(self, claim: Claim) -> None:
        job = claim.job
        try:
            process = TrainerProcess(
                self._command(job),
                log=self._logs / f"{job.id}.log",
                nice=self._options.nice,
                environment=self._environment,
            )
        except OSError as error:
            log.exception("job %s: no process could be started", job.id)
            self._rest(job)
            claim.hold.note_death(f"its process could not be started: {error.strerror}")
            return
        log.info("job %s: attempt %d runs as process %d", job.id, job.attempt, process.pid)
        beat_at = time.monotonic() + self._beat_seconds
        is_validating = job.status == "validating_files"
        self._assignments.append(Assignment(job.id, claim.hold, process, beat_at, is_validating))

    def _beat(self, assignment: Assignment) -> None:
        if assignment.is_lost or time.monotonic() < assignment.beat_at:
            return
        assignment.beat_at = time.monotonic() + self._beat_seconds
        try:
            self._pass_on(assignment, assignment.hold.beat())
        except LeaseLost as error:
            self._end_lost(assignment, why=error.message)
            assignment.is_lost = True

    def _pass_on(self, assignment: Assignment, pulse: Pulse) -> None:
        assignment.is_validating = pulse.status == "validating_files"
        # Files are checked to the end, which is soon; the job then stands still by itself.
        if pulse.wanted == "cancel" or (pulse.wanted == "pause" and not assignment.is_validating):
            self._ask_to_stop(assignment, pulse.wanted)

    def _end_lost(self, assignment: Assignment, *, why: str) -> None:
        job = assignment.hold.load_job()
        if job.attempt == assignment.hold.attempt and job.status in ENDED:
            # The trainer has just ended its job itself, and may tidy up.
            log.info("job %s: %s", job.id, job.status)
            assignment.kill_at = time.monotonic() + self._options.stop_seconds
        else:
            log.info("%s", why)
            # Somebody else may be at the same files already; a request to stop would make it write there.
            assignment.process.kill()

    def _ask_to_stop(self, assignment: Assignment, why: str) -> None:
        if assignment.asked:
            return
        assignment.asked = why
        assignment.kill_at = time.monotonic() + self._options.stop_seconds
        assignment.process.interrupt()

    def _watch_process(self, assignment: Assignment) -> None:
        if assignment.process.is_running() and time.monotonic() >= assignment.kill_at:
            log.warning("job %s: its process does not stop and is killed", assignment.job_id)
            assignment.process.kill()
            assignment.process.wait()

    def _bury(self, assignment: Assignment) -> None:
        """The process is gone, and what it did not say itself is said now."""
        try:
            self._settle(assignment)
        except LeaseLost:
            log.info("job %s: attempt %d has ended", assignment.job_id, assignment.hold.attempt)
        self._assignments.remove(assignment)

    def _settle(self, assignment: Assignment) -> None:
        hold = assignment.hold
        wanted = hold.read_wanted()
        if wanted == "cancel":
            hold.end_cancelled()
        elif assignment.asked == "pause":
            hold.end_paused()
        elif assignment.asked == "stop":
            hold.give_back()
        else:
            reason = assignment.process.describe_end()
            job = hold.load_job()
            log.error("job %s: %s; see %s", job.id, reason, self._logs / f"{job.id}.log")
            self._rest(job)
            hold.note_death(reason)

    def _rest(self, job: Job) -> None:
        """What has just gone wrong here may need some time, or another machine, to go well."""
        seconds = min(self._options.poll_seconds * 2**job.barren_attempts, LONGEST_REST_SECONDS)
        self._rests[job.id] = time.monotonic() + seconds
