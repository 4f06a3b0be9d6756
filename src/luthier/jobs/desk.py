"""What somebody asks of jobs from outside: to make one, to look, to cancel, to pause, to resume.

Here a job is changed at once where nobody holds it; a worker that does hold it hears of it at its next beat.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final, get_args

from sqlalchemy import func, select

from luthier.errors import UnknownJob, WrongState
from luthier.jobs.job import (
    ENDED,
    Job,
    JobCheckpoint,
    JobDraft,
    JobEvent,
    JobStatus,
    read_checkpoint,
    read_event,
    read_job,
)
from luthier.jobs.transitions import cancel, lock_job, name_waiting_status, record_event, release
from luthier.store.database import hold_name
from luthier.store.ids import new_id
from luthier.store.metadata_match import check_metadata, match_metadata
from luthier.store.paging import Page, Span, read_page
from luthier.store.tables import JobCheckpointRow, JobEventRow, JobRow, WorkerRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from luthier.store.database import Database

REPEAT_WINDOW = timedelta(minutes=30)
"""OpenAI's clients send a request again after at most ten minutes of silence, and by default twice."""

SEEDS = 2**31


class Anything:
    """Asks for all jobs, whatever metadata they have; None would ask for those that have none."""


ANY: Final = Anything()


def create_job(db: Database, draft: JobDraft, *, retry_count: int = 0) -> Job:
    """Waits for a worker from now on. Raises InvalidRequest for metadata that cannot be kept.

    A client that got no answer sends the same request again and says so by `retry_count`: then the latest job from
    the same key and body within REPEAT_WINDOW is the answer, and none is made. Who says nothing wants another job.
    """
    check_metadata(draft.metadata, "metadata")
    fingerprint = _fingerprint(draft)
    with db.session() as session:
        # What is sent twice may also arrive twice at once.
        hold_name(session, f"create job {fingerprint}")
        if retry_count > 0 and (earlier := _find_repeated(session, db, draft, fingerprint)) is not None:
            return read_job(earlier)
        row = _make_row(draft, fingerprint, db)
        session.add(row)
        session.flush()
        _record_creation(session, row)
        return read_job(row)


def get_job(db: Database, job_id: str) -> Job:
    """Raises UnknownJob."""
    with db.reading() as session:
        return read_job(_find(session, job_id))


def list_jobs(
    db: Database, *, limit: int = 20, after: str | None = None, metadata: Mapping[str, str] | Anything | None = ANY
) -> Page[Job]:
    """The latest first, from behind the job `after`; only those that hold every pair of `metadata`, or have none."""
    query = select(JobRow)
    if not isinstance(metadata, Anything):
        query = query.where(*match_metadata(JobRow.metadata_, metadata))
    with db.reading() as session:
        seen = _find(session, after) if after is not None else None
        page = read_page(session, query, (JobRow.created_at, JobRow.id), Span(limit, seen))
        return Page([read_job(row) for row in page.items], page.has_more)


def cancel_job(db: Database, job_id: str) -> Job:
    """The job is cancelled when this returns; a process that still works on it is stopped, and can change nothing.

    Raises UnknownJob, and WrongState for a job that has ended.
    """
    with db.session() as session:
        row = lock_job(session, job_id)
        _refuse(row, ENDED, "cancelled")
        cancel(session, row, now=db.clock())
        return read_job(row)


def pause_job(db: Database, job_id: str) -> Job:
    """A job that waits stands still at once, one that is held when it has been saved: `wanted` says so until then.

    Raises UnknownJob, and WrongState for a job that has ended or stands still.
    """
    with db.session() as session:
        row = lock_job(session, job_id)
        _refuse(row, ENDED | {"paused"}, "paused")
        row.wanted = "pause"
        if row.worker is None:
            release(row)
        return read_job(row)


def resume_job(db: Database, job_id: str) -> Job:
    """It waits for a worker again, or goes on as if nobody had asked for a pause.

    Raises UnknownJob, and WrongState for a job that neither stands still nor was asked to.
    """
    with db.session() as session:
        row = lock_job(session, job_id)
        if row.status == "paused":
            row.status = name_waiting_status(row)
        elif row.wanted != "pause":
            _refuse(row, {row.status}, "resumed")
        row.wanted = None
        return read_job(row)


def list_events(db: Database, job_id: str, *, limit: int = 20, after: str | None = None) -> Page[JobEvent]:
    """The latest first, from behind the event `after`. Raises UnknownJob for a job or event that is not there."""
    mine = select(JobEventRow).where(JobEventRow.job_id == job_id)
    with db.reading() as session:
        _find(session, job_id)
        seen = session.scalar(mine.where(JobEventRow.id == after)) if after is not None else None
        if after is not None and seen is None:
            raise UnknownJob(f"job {job_id!r} has no event {after!r}", hint="list its events to see their ids")
        page = read_page(session, mine, (JobEventRow.number,), Span(limit, seen))
        return Page([read_event(row) for row in page.items], page.has_more)


def list_checkpoints(db: Database, job_id: str, *, limit: int = 10, after: str | None = None) -> Page[JobCheckpoint]:
    """The highest step first, from behind the checkpoint `after`. Raises UnknownJob for what is not there."""
    mine = select(JobCheckpointRow).where(JobCheckpointRow.job_id == job_id)
    with db.reading() as session:
        _find(session, job_id)
        seen = session.scalar(mine.where(JobCheckpointRow.id == after)) if after is not None else None
        if after is not None and seen is None:
            raise UnknownJob(
                f"job {job_id!r} has no checkpoint {after!r}", hint="list its checkpoints to see their ids"
            )
        page = read_page(session, mine, (JobCheckpointRow.step_number,), Span(limit, seen))
        return Page([read_checkpoint(row) for row in page.items], page.has_more)


def count_jobs(db: Database) -> dict[JobStatus, int]:
    """How many jobs are in each state, in none too."""
    with db.reading() as session:
        found = dict(session.execute(select(JobRow.status, func.count()).group_by(JobRow.status)).all())
    return {status: found.get(status, 0) for status in get_args(JobStatus)}


def count_waiting(db: Database) -> int:
    """Jobs that would be worked on if there were another worker."""
    waiting = JobRow.status.in_(["validating_files", "queued"]), JobRow.worker.is_(None)
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(JobRow).where(*waiting)) or 0


def count_live_workers(db: Database, *, within_seconds: float) -> int:
    """Workers that were heard of so lately."""
    lately = db.clock() - timedelta(seconds=within_seconds)
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(WorkerRow).where(WorkerRow.beaten_at >= lately)) or 0


def _fingerprint(draft: JobDraft) -> str:
    text = json.dumps(draft.request, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _find_repeated(session: Session, db: Database, draft: JobDraft, fingerprint: str) -> JobRow | None:
    same = select(JobRow).where(
        JobRow.request_fingerprint == fingerprint,
        JobRow.created_by == draft.created_by,
        JobRow.created_at >= db.clock() - REPEAT_WINDOW,
    )
    return session.scalar(same.order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(1))


def _make_row(draft: JobDraft, fingerprint: str, db: Database) -> JobRow:
    now = db.clock()
    return JobRow(
        id=new_id("ftjob-", now),
        status="validating_files",
        created_at=now,
        created_by=draft.created_by,
        request=draft.request,
        request_fingerprint=fingerprint,
        model=draft.model,
        base_model=draft.base_model,
        training_file=draft.training_file,
        validation_file=draft.validation_file,
        suffix=draft.suffix,
        seed=secrets.randbelow(SEEDS) if draft.seed is None else draft.seed,
        method=draft.method,
        hyperparameters=draft.hyperparameters,
        metadata_=draft.metadata,
        integrations=draft.integrations,
        is_checked=False,
        step=0,
        saved_step=0,
        attempt=0,
        barren_attempts=0,
        beats=0,
    )


def _record_creation(session: Session, row: JobRow) -> None:
    record_event(session, row, f"Created fine-tuning job: {row.id}", now=row.created_at, id_from="created", data={})
    files = f"Validating training file: {row.training_file}"
    if row.validation_file is not None:
        files += f" and validation file: {row.validation_file}"
    record_event(session, row, files, now=row.created_at, id_from="validating", data={})


def _find(session: Session, job_id: str) -> JobRow:
    row = session.get(JobRow, job_id)
    if row is None:
        raise UnknownJob(f"no fine-tuning job has the id {job_id!r}", hint="list the jobs to see their ids")
    return row


def _refuse(row: JobRow, states: frozenset[JobStatus] | set[str], change: str) -> None:
    if row.status in states:
        message = f"job {row.id} is {row.status.replace('_', ' ')} and cannot be {change}"
        raise WrongState(message, hint="look at the status of the job before you change it")
