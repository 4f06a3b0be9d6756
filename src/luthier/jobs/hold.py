"""Whoever works on a job in one attempt says through this how far it is and how it ended, and nobody else can.

Every call is one transaction that changes the state, records the event and leaves the webhook, and only while the
attempt is the job's latest and nobody has taken it away: else it raises LeaseLost and changes nothing. A call may be
repeated when nobody knows whether the database still heard it.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from sqlalchemy import exists, select

from luthier.errors import DatabaseUnavailable, LeaseLost
from luthier.jobs import transitions
from luthier.jobs.desk import get_job
from luthier.jobs.job import ACTIVE, EventLevel, EventType, Job, JobError, JobStatus, Wanted
from luthier.store.ids import new_id
from luthier.store.tables import JobCheckpointRow, JobRow, WorkerRow

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from luthier.store.database import Database

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

Result = TypeVar("Result")


class Pulse(NamedTuple):
    """What the holder is asked to do, and in which state its job is."""

    wanted: Wanted | None
    status: JobStatus


class Hold:
    """A call that finds no database tries again for `patience_seconds`; then it raises DatabaseUnavailable."""

    def __init__(self, db: Database, job_id: str, attempt: int, *, patience_seconds: float = 0.0) -> None:
        self.job_id = job_id
        self.attempt = attempt
        self._db = db
        self._patience_seconds = patience_seconds

    def load_job(self) -> Job:
        return self._insist(lambda: get_job(self._db, self.job_id))

    def read_wanted(self) -> Wanted | None:
        """After a request to stop: `cancel` and `pause` say why; None is a worker that stops."""

        def read() -> Wanted | None:
            with self._db.reading() as session:
                return _read_pulse(self._check(session.get_one(JobRow, self.job_id), cancelled=True)).wanted

        return self._insist(read)

    def beat(self) -> Pulse:
        """Says that the holder is well."""

        def count(_session: Session, row: JobRow) -> Pulse:
            row.beats += 1
            return _read_pulse(row)

        return self._change(count, cancelled=True)

    def move_to_queue(self) -> bool:
        """The files are good. Whether this attempt may go on at once: False when its worker trains another job, or
        one that has waited for longer is due; then this attempt is over."""

        def move(session: Session, row: JobRow) -> bool:
            row.is_checked, row.barren_attempts = True, 0
            message = "Files validated, moving job to queued state"
            transitions.record_event(session, row, message, now=self._db.clock(), id_from="queued", data={})
            if row.wanted is None and _is_next(session, row):
                row.status = "queued"
                return True
            transitions.release(row)
            return False

        return self._change(move, unless=lambda row: row.worker is None and row.is_checked, otherwise=False)

    def start_running(
        self, *, hyperparameters: dict[str, Any], run_id: str, estimated_finish: datetime | None = None
    ) -> None:
        """`hyperparameters` are numbers now, whatever was asked for."""

        def start(session: Session, row: JobRow) -> None:
            now = self._db.clock()
            message, id_from = "Fine-tuning job started", "started"
            if row.started_at is not None:
                message = f"continues from step {row.saved_step}" if row.saved_step else "started again"
                message, id_from = f"Fine-tuning job {message}", f"started-{self.attempt}"
            if row.status != "running":
                transitions.record_event(session, row, message, now=now, id_from=id_from)
            row.status, row.started_at = "running", row.started_at or now
            row.hyperparameters, row.run_id, row.estimated_finish = hyperparameters, run_id, estimated_finish

        self._change(start)

    def add_event(
        self,
        level: EventLevel,
        message: str,
        *,
        type: EventType = "message",
        data: dict[str, Any] | None = None,
        id_from: str | None = None,
    ) -> None:
        """With the same `id_from` as an earlier event of the job, nothing happens, in later attempts too."""
        source = f"own-{id_from}" if id_from is not None else f"once-{secrets.token_hex(16)}"

        def add(session: Session, row: JobRow) -> None:
            now = self._db.clock()
            transitions.record_event(session, row, message, now=now, id_from=source, level=level, type=type, data=data)

        self._change(add)

    def note_step(self, step: int, *, estimated_finish: datetime | None = None, is_saved: bool = False) -> None:
        """`is_saved` says that training could go on from here: this is what counts as progress."""

        def note(_session: Session, row: JobRow) -> None:
            row.step, row.estimated_finish = step, estimated_finish
            if is_saved and step > row.saved_step:
                row.saved_step, row.barren_attempts = step, 0

        self._change(note)

    def add_checkpoint(self, step: int, public_name: str, metrics: dict[str, Any], *, is_final: bool = False) -> None:
        """One that is there already stands. The final one is told of when the job succeeds."""

        def add(session: Session, row: JobRow) -> None:
            if session.scalar(_checkpoint(row, step)) is not None:
                return
            now = self._db.clock()
            session.add(
                JobCheckpointRow(
                    id=new_id("ftckpt_", now),
                    job_id=row.id,
                    step_number=step,
                    public_name=public_name,
                    metrics=metrics,
                    created_at=now,
                )
            )
            if not is_final:
                message = f"Checkpoint created at step {step} with Snapshot ID: {public_name}"
                transitions.record_event(session, row, message, now=now, id_from=f"checkpoint-{step}", data={})

        self._change(add)

    def succeed(self, *, fine_tuned_model: str, trained_tokens: int, result_file: str | None) -> None:
        def end(session: Session, row: JobRow) -> None:
            row.fine_tuned_model, row.trained_tokens, row.result_file = fine_tuned_model, trained_tokens, result_file
            transitions.succeed(session, row, now=self._db.clock())

        self._change(end, unless=lambda row: row.status == "succeeded", otherwise=None)

    def fail(self, error: JobError) -> None:
        def end(session: Session, row: JobRow) -> None:
            transitions.fail(session, row, error, now=self._db.clock())

        self._change(end, unless=lambda row: row.status == "failed", otherwise=None)

    def end_cancelled(self) -> None:
        """The process that worked on a cancelled job is gone."""

        def end(_session: Session, row: JobRow) -> None:
            if row.status == "cancelled":
                transitions.release(row)

        self._change(
            end, unless=lambda row: row.worker is None and row.status == "cancelled", otherwise=None, cancelled=True
        )

    def end_paused(self) -> None:
        """The job is saved and stands still; or waits again, when somebody has resumed it meanwhile."""
        self._let_go()

    def stand_still(self, reason: str) -> None:
        """The job is paused because of trouble that somebody has to see to; resumed, it goes on from its checkpoint."""

        def stop(session: Session, row: JobRow) -> None:
            where = f"goes on from step {row.saved_step}" if row.saved_step else "begins again"
            message = f"The job is paused: {reason}; resumed, it {where}"
            now = self._db.clock()
            transitions.record_event(
                session, row, message, now=now, id_from=f"halt-{row.attempt}", level="warn", data={}
            )
            row.barren_attempts = max(0, row.barren_attempts - 1)
            row.wanted = "pause"
            transitions.release(row)

        self._change(stop, unless=lambda row: row.worker is None, otherwise=None)

    def give_back(self) -> None:
        """The job is saved, and another worker may go on with it: this attempt was not cut short by an accident."""
        self._let_go()

    def note_death(self, reason: str) -> None:
        """The process of this attempt has ended without a word, or was never started."""

        def release(session: Session, row: JobRow) -> None:
            transitions.release_dead(session, row, reason, now=self._db.clock())

        self._change(release, unless=lambda row: row.worker is None, otherwise=None, cancelled=True)

    def _let_go(self) -> None:
        def release(_session: Session, row: JobRow) -> None:
            row.barren_attempts = max(0, row.barren_attempts - 1)
            transitions.release(row)

        self._change(release, unless=lambda row: row.worker is None, otherwise=None, cancelled=True)

    def _change(
        self,
        change: Callable[[Session, JobRow], Result],
        *,
        unless: Callable[[JobRow], bool] = lambda _row: False,
        otherwise: Result | None = None,
        cancelled: bool = False,
    ) -> Result:
        """`unless` is true of a row that this attempt has changed so already, and `otherwise` the answer then.

        A job that was cancelled is lost to its holder, but for what is `cancelled`.
        """

        def write() -> Result:
            with self._db.session() as session:
                row = transitions.lock_job(session, self.job_id)
                if row.attempt == self.attempt and unless(row):
                    return cast("Result", otherwise)
                return change(session, self._check(row, cancelled=cancelled))

        return self._insist(write)

    def _check(self, row: JobRow, *, cancelled: bool) -> JobRow:
        if row.attempt != self.attempt or row.worker is None:
            reason = f"attempt {row.attempt} has begun" if row.attempt != self.attempt else "it was taken away"
        elif row.status == "cancelled" and not cancelled:
            reason = "the job was cancelled"
        elif row.status not in ACTIVE | {"cancelled"}:
            reason = f"the job is {row.status}"
        else:
            return row
        raise LeaseLost(f"attempt {self.attempt} of job {self.job_id} is over: {reason}", hint="stop working on it")

    def _insist(self, act: Callable[[], Result]) -> Result:
        deadline = time.monotonic() + self._patience_seconds
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            try:
                return act()
            except DatabaseUnavailable:
                if time.monotonic() + pause_seconds > deadline:
                    raise
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)


def _read_pulse(row: JobRow) -> Pulse:
    wanted = "cancel" if row.status == "cancelled" else row.wanted
    return Pulse(cast("Wanted | None", wanted), cast("JobStatus", row.status))


def _checkpoint(row: JobRow, step: int) -> Any:
    return select(JobCheckpointRow.id).where(JobCheckpointRow.job_id == row.id, JobCheckpointRow.step_number == step)


def _is_next(session: Session, row: JobRow) -> bool:
    """Whether nothing stands between this job and the worker that holds it: neither a job that the worker trains, or
    whose process it has still to end, nor one that has waited for longer."""
    # The worker claims under the same lock, so that it cannot take another job in the same moment.
    session.execute(select(WorkerRow.id).where(WorkerRow.id == row.worker).with_for_update())
    busy = (JobRow.worker == row.worker) & (JobRow.id != row.id) & (JobRow.status != "validating_files")
    before = (JobRow.status == "queued") & JobRow.worker.is_(None) & (JobRow.created_at < row.created_at)
    return not session.scalar(select(exists().where(busy | before)))
