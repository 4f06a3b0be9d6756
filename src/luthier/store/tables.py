"""The tables of the database, as typed rows; a change here needs a migration beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Integer, MetaData, TypeDecorator, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

if TYPE_CHECKING:
    from sqlalchemy import Dialect


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with its time zone, which SQLite by itself would forget. Refuses one without."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON(none_as_null=True),
        list[dict[str, Any]]: JSON(none_as_null=True),
    }


class ArtefactRow(Table):
    __tablename__ = "artefacts"

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(index=True)
    manifest: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ArtefactParentRow(Table):
    __tablename__ = "artefact_parents"

    child: Mapped[str] = mapped_column(ForeignKey("artefacts.fingerprint"), primary_key=True)
    parent: Mapped[str] = mapped_column(ForeignKey("artefacts.fingerprint"), primary_key=True, index=True)


class RunRow(Table):
    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    base: Mapped[str]
    status: Mapped[str]
    config: Mapped[dict[str, Any]]
    dataset_fingerprint: Mapped[str]
    model_name: Mapped[str | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ModelRow(Table):
    __tablename__ = "models"

    name: Mapped[str] = mapped_column(primary_key=True)
    base: Mapped[str]
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id"))
    weights_hash: Mapped[str]
    card: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class KeyRow(Table):
    """An API key; the key itself is kept nowhere."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    ending: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class FileRow(Table):
    """An uploaded file, or one that a job made; its content lies in the storage under its id."""

    __tablename__ = "files"

    id: Mapped[str] = mapped_column(primary_key=True)
    filename: Mapped[str]
    purpose: Mapped[str] = mapped_column(index=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(index=True)
    status: Mapped[str]
    status_details: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime | None] = mapped_column(index=True)


class UploadRow(Table):
    """A file that comes in parts."""

    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(primary_key=True)
    filename: Mapped[str]
    purpose: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    mime_type: Mapped[str]
    status: Mapped[str]
    file_id: Mapped[str | None]
    file_lifetime_seconds: Mapped[int | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class UploadPartRow(Table):
    __tablename__ = "upload_parts"

    id: Mapped[str] = mapped_column(primary_key=True)
    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id"), index=True)
    digest: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class JobRow(Table):
    """A fine-tuning job: what was asked for, how far it is, and who works on it.

    `attempt` counts claims and fences writes: only the holder of the latest attempt may change the job. `worker` is
    who holds it, and `beats` grows for as long as that worker is well. `wanted` is what the holder is asked to do:
    pause. `is_checked` says that its files were found good. From `saved_step` training can go on; `barren_attempts`
    were claimed since that last grew.
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(index=True)
    wanted: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    created_by: Mapped[str | None]
    request: Mapped[dict[str, Any]]
    request_fingerprint: Mapped[str] = mapped_column(index=True)
    is_checked: Mapped[bool]
    model: Mapped[str]
    base_model: Mapped[str]
    training_file: Mapped[str]
    validation_file: Mapped[str | None]
    suffix: Mapped[str | None]
    seed: Mapped[int]
    method: Mapped[str]
    hyperparameters: Mapped[dict[str, Any]]
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    integrations: Mapped[list[dict[str, Any]] | None]
    fine_tuned_model: Mapped[str | None]
    result_file: Mapped[str | None]
    trained_tokens: Mapped[int | None] = mapped_column(BigInteger)
    estimated_finish: Mapped[datetime | None]
    error: Mapped[dict[str, Any] | None]
    run_id: Mapped[str | None]
    step: Mapped[int]
    saved_step: Mapped[int]
    attempt: Mapped[int]
    barren_attempts: Mapped[int]
    beats: Mapped[int]
    worker: Mapped[str | None] = mapped_column(index=True)


class WorkerRow(Table):
    """A process that works on jobs: which one of which machine, and when it was last well.

    `machine` is the same for processes that see one another's ids, and empty where that cannot be told. `start_ticks`
    tells a process from a later one of the same id.
    """

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    machine: Mapped[str]
    pid: Mapped[int]
    start_ticks: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime]
    beaten_at: Mapped[datetime] = mapped_column(index=True)


class JobEventRow(Table):
    """`number` counts all events, so that it orders those of one moment."""

    __tablename__ = "job_events"

    number: Mapped[int] = mapped_column(
        # SQLite numbers rows by itself only in a column of exactly this type, which has 64 bits there.
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    )
    id: Mapped[str] = mapped_column(unique=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    created_at: Mapped[datetime]
    level: Mapped[str]
    type: Mapped[str]
    message: Mapped[str]
    data: Mapped[dict[str, Any] | None]


class JobCheckpointRow(Table):
    __tablename__ = "job_checkpoints"
    __table_args__ = (UniqueConstraint("job_id", "step_number"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    step_number: Mapped[int]
    public_name: Mapped[str] = mapped_column(index=True)
    metrics: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class PublishedModelRow(Table):
    """The name under which the API knows a registered model, such as ft:base:org:suffix:id."""

    __tablename__ = "published_models"

    name: Mapped[str] = mapped_column(primary_key=True)
    model_name: Mapped[str] = mapped_column(index=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"), index=True)
    created_at: Mapped[datetime]


class CheckpointPermissionRow(Table):
    __tablename__ = "checkpoint_permissions"

    id: Mapped[str] = mapped_column(primary_key=True)
    public_name: Mapped[str] = mapped_column(index=True)
    project_id: Mapped[str]
    created_at: Mapped[datetime]


class CompletionRow(Table):
    """A chat completion that somebody asked to store."""

    __tablename__ = "completions"

    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    model: Mapped[str] = mapped_column(index=True)
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    request: Mapped[dict[str, Any]]
    response: Mapped[dict[str, Any]]


class WebhookDeliveryRow(Table):
    """An event that a webhook has still to be told, or was told."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[str] = mapped_column(primary_key=True)
    event: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    tries: Mapped[int]
    next_try_at: Mapped[datetime | None] = mapped_column(index=True)
    delivered_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class EvalRow(Table):
    """What is to be measured: which data its runs take, and which criteria an answer has to meet."""

    __tablename__ = "evals"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    data_source_config: Mapped[dict[str, Any]]
    testing_criteria: Mapped[list[dict[str, Any]]]
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime] = mapped_column(index=True)


class EvalRunRow(Table):
    """One measurement. `attempt` counts claims and fences writes, as of a job; `holder` is the process at work on it.

    Once `is_prepared` its items stand in their own table, and what `data_source` names is not looked at again. `tally`
    counts what came of those that are done; `barren_attempts` were claimed since the last of them.
    """

    __tablename__ = "eval_runs"

    id: Mapped[str] = mapped_column(primary_key=True)
    eval_id: Mapped[str] = mapped_column(ForeignKey("evals.id"), index=True)
    name: Mapped[str]
    status: Mapped[str] = mapped_column(index=True)
    model: Mapped[str | None]
    file_id: Mapped[str | None] = mapped_column(index=True)
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata")
    created_by: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    error: Mapped[dict[str, Any] | None]
    request_fingerprint: Mapped[str] = mapped_column(index=True)
    is_prepared: Mapped[bool]
    total: Mapped[int]
    tally: Mapped[dict[str, Any]]
    attempt: Mapped[int]
    barren_attempts: Mapped[int]
    beats: Mapped[int]
    holder: Mapped[dict[str, Any] | None]
    data_source: Mapped[dict[str, Any]]


class EvalOutputItemRow(Table):
    """A row of a run's data, and what came of it; `status` is NULL until then. `given` is an answer that came along."""

    __tablename__ = "eval_output_items"
    __table_args__ = (UniqueConstraint("run_id", "number"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("eval_runs.id"), index=True)
    number: Mapped[int]
    status: Mapped[str | None]
    done_at: Mapped[datetime | None]
    item: Mapped[dict[str, Any]]
    given: Mapped[dict[str, Any] | None]
    sample: Mapped[dict[str, Any] | None]
    results: Mapped[list[dict[str, Any]] | None]
