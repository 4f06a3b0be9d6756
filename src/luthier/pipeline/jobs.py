"""Fine-tuning jobs are listed, followed, stopped and resumed, on this machine or at a server, in the same words."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Protocol

from luthier.pipeline.home import open_home
from luthier.pipeline.servers import find_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from luthier.jobs.job import Job
    from luthier.remote.records import CheckpointRecord, EventRecord, JobRecord
    from luthier.store.home import Home

JobChange = Literal["cancel", "pause", "resume"]
SECONDS_BETWEEN_LOOKS = 1.0
ALL = 1_000_000_000
"""More rows than a page of anything holds."""

EVENTS_AT_ONCE = 100
"""Whoever follows a job asks each second, and nearly always for few."""


class JobDesk(Protocol):
    """Where jobs are: a server, or the database of this machine."""

    def list_jobs(self) -> list[JobRecord]:
        """The latest first."""
        ...

    def get_job(self, job_id: str) -> JobRecord:
        """Raises UnknownArtefact."""
        ...

    def change_job(self, job_id: str, change: JobChange) -> JobRecord:
        """Raises WrongState where the job's state does not allow it."""
        ...

    def list_events(self, job_id: str, *, before: str | None = None) -> list[EventRecord]:
        """The latest first, down to but without the event `before`."""
        ...

    def list_checkpoints(self, job_id: str) -> list[CheckpointRecord]:
        """The highest step first."""
        ...


class LocalJobs:
    """The jobs in the database that the settings name, whether or not a server runs."""

    def __init__(self, home: Home) -> None:
        self._db = home.database

    def list_jobs(self) -> list[JobRecord]:
        from luthier.jobs import desk

        return [_record(job) for job in desk.list_jobs(self._db, limit=ALL).items]

    def get_job(self, job_id: str) -> JobRecord:
        from luthier.jobs import desk

        return _record(desk.get_job(self._db, job_id))

    def change_job(self, job_id: str, change: JobChange) -> JobRecord:
        from luthier.jobs import desk

        changes = {"cancel": desk.cancel_job, "pause": desk.pause_job, "resume": desk.resume_job}
        return _record(changes[change](self._db, job_id))

    def list_events(self, job_id: str, *, before: str | None = None) -> list[EventRecord]:
        from luthier.jobs import desk
        from luthier.remote.records import EventRecord

        events: list[EventRecord] = []
        while True:
            after = events[-1].id if events else None
            page = desk.list_events(self._db, job_id, limit=EVENTS_AT_ONCE, after=after)
            for event in page.items:
                if event.id == before:
                    return events
                events.append(EventRecord.model_validate(event, from_attributes=True))
            if not page.has_more:
                return events

    def list_checkpoints(self, job_id: str) -> list[CheckpointRecord]:
        from luthier.jobs import desk
        from luthier.remote.records import CheckpointRecord

        return [
            CheckpointRecord(
                fine_tuned_model_checkpoint=each.public_name, step_number=each.step_number, metrics=each.metrics
            )
            for each in desk.list_checkpoints(self._db, job_id, limit=ALL).items
        ]


@contextmanager
def open_jobs(address: str | None) -> Iterator[JobDesk]:
    """Those of the server which is named, or which the settings name, or of this machine."""
    home = open_home()
    server = find_server(address, settings=home.settings)
    if server is None:
        yield LocalJobs(home)
        return
    try:
        yield server
    finally:
        server.close()


def follow_job(
    desk: JobDesk, job_id: str, *, tell: Callable[[EventRecord], None], sleep: Callable[[float], None] = time.sleep
) -> JobRecord:
    """Tells each event as it comes, from the first on, until the job has ended or stands still."""
    seen: str | None = None
    while True:
        job = desk.get_job(job_id)  # before its events, so that none of its last ones is missed
        for event in reversed(desk.list_events(job_id, before=seen)):
            tell(event)
            seen = event.id
        if job.is_ended or job.status == "paused":
            return job
        sleep(SECONDS_BETWEEN_LOOKS)


def _record(job: Job) -> JobRecord:
    from luthier.remote.records import JobFailure, JobRecord

    return JobRecord(
        id=job.id,
        status=job.status,
        model=job.model,
        base_model=job.base_model,
        method=job.method,
        hyperparameters=job.hyperparameters,
        training_file=job.training_file,
        validation_file=job.validation_file,
        seed=job.seed,
        created_at=job.created_at,
        finished_at=job.finished_at,
        estimated_finish=job.estimated_finish,
        fine_tuned_model=job.fine_tuned_model,
        result_files=[job.result_file] if job.result_file else [],
        trained_tokens=job.trained_tokens,
        metadata=job.metadata,
        error=JobFailure(**job.error._asdict()) if job.error else None,
    )
