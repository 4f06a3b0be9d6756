"""Jobs that wait become held by a worker, and jobs whose worker is gone wait again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, select, update

from luthier.jobs import transitions
from luthier.jobs.hold import Hold
from luthier.jobs.job import ACTIVE, Job, JobError, read_job
from luthier.jobs.liveness import BeatWatch, ProcessIdentity, end_process, is_gone
from luthier.store.ids import new_id
from luthier.store.tables import JobRow, WorkerRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

    from luthier.store.database import Database

FORGOTTEN_AFTER = timedelta(days=1)


class Claim(NamedTuple):
    """The job as it was claimed; `job.attempt` is the number of this attempt."""

    job: Job
    hold: Hold


class Held(NamedTuple):
    """What somebody saw of a job that is held; it is taken away only if that is still so.

    `process` is the worker's, or None where nobody knows the worker any more.
    """

    job_id: str
    attempt: int
    beats: int
    worker: str
    process: ProcessIdentity | None


def register_worker(db: Database, process: ProcessIdentity) -> str:
    """The worker's id: a new one for each process. Forgets workers that were last heard of long ago."""
    now = db.clock()
    row = WorkerRow(id=new_id("worker_", now), started_at=now, beaten_at=now, **process._asdict())
    with db.session() as session:
        session.execute(delete(WorkerRow).where(WorkerRow.beaten_at < now - FORGOTTEN_AFTER))
        session.add(row)
    return row.id


def beat_worker(db: Database, worker_id: str) -> None:
    """Says that the worker is well, whether it holds a job or not."""
    with db.session() as session:
        session.execute(update(WorkerRow).where(WorkerRow.id == worker_id).values(beaten_at=db.clock()))


def remove_worker(db: Database, worker_id: str) -> None:
    with db.session() as session:
        session.execute(delete(WorkerRow).where(WorkerRow.id == worker_id))


def claim_next(db: Database, worker_id: str, *, attempts: int = 5, except_for: Collection[str] = ()) -> Claim | None:
    """The job that has waited for longest, which this worker holds from now on; None when there is nothing to do.

    A worker trains one job at a time, and checks the files of one at a time, also beside training. A job that was
    claimed `attempts` times in a row without a new saved step fails here instead.
    """
    with db.reading() as session:
        if _find_waiting(session, worker_id, except_for, locks=False) is None:
            return None  # as nearly always, and then nobody else has to wait
    with db.session() as session:
        session.execute(select(WorkerRow.id).where(WorkerRow.id == worker_id).with_for_update())
        while (row := _find_waiting(session, worker_id, except_for, locks=True)) is not None:
            if row.barren_attempts >= attempts:
                transitions.fail(session, row, _explain_failure(row), now=db.clock())
                session.flush()
                continue
            row.worker = worker_id
            row.attempt += 1
            row.barren_attempts += 1
            return Claim(read_job(row), Hold(db, row.id, row.attempt))
    return None


def release_lost(db: Database, watch: BeatWatch, *, here: ProcessIdentity) -> list[str]:
    """Takes jobs away from workers that are gone or silent, and says which: they wait again.

    A silent worker of this machine is ended first, so that its trainer ends with it and lets go of its files, and of
    the database if it holds that up. `here` itself is neither.
    """
    everything = [held for held in _list_held(db) if held.process != here]
    silent = watch.find_silent({held.job_id: (held.attempt, held.beats) for held in everything})
    taken = []
    for held in everything:
        if held.process is not None and is_gone(held.process, here=here):
            reason = "the worker ended"
        elif held.job_id in silent:
            reason = "the worker was not heard of any more"
            if held.process is not None:
                end_process(held.process, here=here)
        else:
            continue
        if _take_away(db, held, reason):
            taken.append(held.job_id)
    return taken


def release_unknown(db: Database, worker_id: str, known: Collection[str]) -> list[str]:
    """Takes back what this worker does not know that it holds: its claim was kept, and the answer was lost."""
    unknown = [held for held in _list_held(db) if held.worker == worker_id and held.job_id not in known]
    return [held.job_id for held in unknown if _take_away(db, held, "the database was lost")]


def _find_waiting(session: Session, worker_id: str, except_for: Collection[str], *, locks: bool) -> JobRow | None:
    held = set(session.scalars(select(JobRow.status).where(JobRow.worker == worker_id)))
    trains = bool(held - {"validating_files"})  # a cancelled job counts until its process is gone
    checks = "validating_files" in held
    waiting = select(JobRow).where(JobRow.worker.is_(None), JobRow.id.not_in(except_for))
    waiting = waiting.order_by(JobRow.created_at, JobRow.id).limit(1)
    if locks:
        waiting = waiting.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    row = None if trains else session.scalar(waiting.where(JobRow.status == "queued"))
    if row is None and not checks:
        row = session.scalar(waiting.where(JobRow.status == "validating_files"))
    return row


def _list_held(db: Database) -> list[Held]:
    query: Any = select(JobRow, WorkerRow).outerjoin(WorkerRow, WorkerRow.id == JobRow.worker)
    with db.reading() as session:
        pairs = session.execute(query.where(JobRow.worker.is_not(None), JobRow.status.in_(ACTIVE))).all()
        return [
            Held(row.id, row.attempt, row.beats, row.worker, _read_identity(worker) if worker is not None else None)
            for row, worker in pairs
        ]


def _take_away(db: Database, held: Held, reason: str) -> bool:
    with db.session() as session:
        row = transitions.lock_job(session, held.job_id)
        if (row.attempt, row.beats, row.worker) != (held.attempt, held.beats, held.worker) or row.status not in ACTIVE:
            return False
        transitions.release_dead(session, row, reason, now=db.clock())
        return True


def _read_identity(row: WorkerRow) -> ProcessIdentity:
    return ProcessIdentity(row.host, row.machine, row.pid, row.start_ticks)


def _explain_failure(row: JobRow) -> JobError:
    message = (
        f"Training was interrupted {row.barren_attempts} times in a row without getting any further than step "
        f"{row.saved_step}. The log of the worker says why."
    )
    return JobError("server_error", message)
