"""A locked row of a job passes from one state to another, with the event and the webhook that belong to it.

Everything here is part of the caller's transaction: the state, what is told of it, and who is told, or none of them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from luthier.errors import UnknownJob
from luthier.jobs.job import ENDED, EventLevel, EventType, JobError
from luthier.jobs.outbox import announce_event
from luthier.store.tables import JobEventRow, JobRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

EVENT_DIGITS = 24


def lock_job(session: Session, job_id: str) -> JobRow:
    """The row as it is now; nobody else changes it until the transaction ends. Raises UnknownJob."""
    query = select(JobRow).where(JobRow.id == job_id).with_for_update().execution_options(populate_existing=True)
    row = session.scalar(query)
    if row is None:
        raise UnknownJob(f"no fine-tuning job has the id {job_id!r}", hint="list the jobs to see their ids")
    return row


def record_event(
    session: Session,
    row: JobRow,
    message: str,
    *,
    now: datetime,
    id_from: str,
    level: EventLevel = "info",
    type: EventType = "message",
    data: dict[str, Any] | None = None,
) -> None:
    """An event of the same job with the same `id_from` stands as it is: what is done again is told once."""
    id = "ftevent-" + hashlib.sha256(f"{row.id}/{id_from}".encode()).hexdigest()[:EVENT_DIGITS]
    if session.scalar(select(JobEventRow.number).where(JobEventRow.id == id)) is not None:
        return
    event = JobEventRow(id=id, job_id=row.id, created_at=now, level=level, type=type, message=message, data=data)
    session.add(event)
    session.flush()  # at once, so that events have the order in which they were recorded


def succeed(session: Session, row: JobRow, *, now: datetime) -> None:
    """`row` holds already what came of the job."""
    _finish(row, now)
    row.status, row.worker = "succeeded", None
    made = f"New fine-tuned model created: {row.fine_tuned_model}"
    record_event(session, row, made, now=now, id_from="made", data={})
    record_event(session, row, "The job has successfully completed", now=now, id_from="succeeded", data={})
    announce_event(session, type="fine_tuning.job.succeeded", subject_id=row.id, now=now)


def fail(session: Session, row: JobRow, error: JobError, *, now: datetime) -> None:
    _finish(row, now)
    row.status, row.worker, row.error = "failed", None, error._asdict()
    record_event(session, row, error.message, now=now, id_from="failed", level="error", data=error._asdict())
    announce_event(session, type="fine_tuning.job.failed", subject_id=row.id, now=now)


def cancel(session: Session, row: JobRow, *, now: datetime) -> None:
    """The job is over at once. Who holds it stays in `worker` until its process is gone."""
    _finish(row, now)
    row.status = "cancelled"
    record_event(session, row, "The job has been cancelled", now=now, id_from="cancelled", data={})
    announce_event(session, type="fine_tuning.job.cancelled", subject_id=row.id, now=now)


def release(row: JobRow) -> None:
    """Nobody holds the job any more: it stands still where that was asked for, and else waits for a worker."""
    row.worker, row.estimated_finish = None, None
    if row.status in ENDED:
        return
    row.status = "paused" if row.wanted == "pause" else name_waiting_status(row)
    row.wanted = None


def release_dead(session: Session, row: JobRow, reason: str, *, now: datetime) -> None:
    """As `release`, and says that this attempt was cut short, and why: once for each attempt."""
    release(row)
    if row.status in ENDED:
        return
    where = f"goes on from step {row.saved_step}" if row.saved_step else "begins again"
    message = f"Training was interrupted: {reason}; it {where}"
    record_event(session, row, message, now=now, id_from=f"death-{row.attempt}", level="warn", data={})


def name_waiting_status(row: JobRow) -> str:
    return "queued" if row.is_checked else "validating_files"


def _finish(row: JobRow, now: datetime) -> None:
    row.finished_at, row.estimated_finish, row.wanted = now, None, None
