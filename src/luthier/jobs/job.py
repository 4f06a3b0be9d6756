"""Rows of the database become what a job is to everybody else: what was asked, how far it is, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from luthier.store.tables import JobCheckpointRow, JobEventRow, JobRow

JobStatus = Literal["validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"]
Wanted = Literal["cancel", "pause"]
EventLevel = Literal["info", "warn", "error"]
EventType = Literal["message", "metrics"]

STATUSES: tuple[JobStatus, ...] = (
    "validating_files",
    "queued",
    "running",
    "paused",
    "succeeded",
    "failed",
    "cancelled",
)
ACTIVE: frozenset[JobStatus] = frozenset({"validating_files", "queued", "running"})
"""A worker holds such a job, or will."""

ENDED: frozenset[JobStatus] = frozenset({"succeeded", "failed", "cancelled"})


class JobError(NamedTuple):
    """Why a job failed, in the fields of OpenAI's `error`; `param` is the part of the request that is to blame."""

    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDraft:
    """What a job is made from. `request` is the body as it was sent, `model` the name that the API shows, `base_model`
    the name of the same model here, `created_by` the id of a key; without a `seed` one is drawn."""

    request: dict[str, Any]
    model: str
    base_model: str
    training_file: str
    method: str
    hyperparameters: dict[str, Any]
    validation_file: str | None = None
    suffix: str | None = None
    seed: int | None = None
    metadata: dict[str, str] | None = None
    integrations: list[dict[str, Any]] | None = None
    created_by: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """`wanted` is `pause` from when somebody asks for it until the job stands still.

    `step` is where training is, `saved_step` where it could go on. `worker` holds the job in its attempt of the
    number `attempt`; None is nobody.
    """

    id: str
    status: JobStatus
    wanted: Wanted | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    created_by: str | None
    request: dict[str, Any]
    model: str
    base_model: str
    training_file: str
    validation_file: str | None
    suffix: str | None
    seed: int
    method: str
    hyperparameters: dict[str, Any]
    metadata: dict[str, str] | None
    integrations: list[dict[str, Any]] | None
    fine_tuned_model: str | None
    result_file: str | None
    trained_tokens: int | None
    estimated_finish: datetime | None
    error: JobError | None
    run_id: str | None
    step: int
    saved_step: int
    attempt: int
    barren_attempts: int
    worker: str | None


@dataclass(frozen=True, slots=True)
class JobEvent:
    id: str
    job_id: str
    created_at: datetime
    level: EventLevel
    type: EventType
    message: str
    data: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class JobCheckpoint:
    id: str
    job_id: str
    step_number: int
    public_name: str
    metrics: dict[str, Any]
    created_at: datetime


_JOB_COLUMNS = [name for name in Job.__slots__ if name not in {"metadata", "error"}]


def read_job(row: JobRow) -> Job:
    plain = {name: getattr(row, name) for name in _JOB_COLUMNS}
    return Job(**plain, metadata=row.metadata_, error=JobError(**row.error) if row.error else None)


def read_event(row: JobEventRow) -> JobEvent:
    return JobEvent(**{name: getattr(row, name) for name in JobEvent.__slots__})


def read_checkpoint(row: JobCheckpointRow) -> JobCheckpoint:
    return JobCheckpoint(**{name: getattr(row, name) for name in JobCheckpoint.__slots__})
