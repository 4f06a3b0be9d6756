"""Jobs, events, checkpoints and permissions as they are kept become those that clients get to see, and back."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from luthier.jobs.job import JobDraft
from luthier.server.openai.schema.fine_tuning_objects import (
    CheckpointPermission,
    FineTuningJob,
    FineTuningJobCheckpoint,
    FineTuningJobEvent,
    JobFailure,
    JobHyperparameters,
    JobPreference,
    JobPreferenceHyperparameters,
    JobSupervised,
    PreferenceMethod,
    SupervisedMethod,
)

if TYPE_CHECKING:
    from datetime import datetime

    from luthier.jobs.job import Job, JobCheckpoint, JobEvent
    from luthier.jobs.permissions import Permission
    from luthier.models.public_names import PublicName
    from luthier.server.openai.schema.fine_tuning import JobRequest


def draft_job(body: JobRequest, model: PublicName, *, created_by: str) -> JobDraft:
    integrations = [integration.model_dump() for integration in body.integrations or []]
    return JobDraft(
        request=body.model_dump(mode="json", exclude_unset=True),
        model=model.id,
        base_model=model.model,
        training_file=body.training_file,
        validation_file=body.validation_file,
        suffix=body.suffix,
        seed=body.seed,
        method=body.method_name,
        hyperparameters=body.chosen_hyperparameters,
        metadata=body.metadata,
        integrations=integrations or None,
        created_by=created_by,
    )


def describe_job(job: Job, organization: str) -> FineTuningJob:
    """Results stay empty until the job has succeeded, and `error` null until it has failed."""
    has_succeeded = job.status == "succeeded"
    return FineTuningJob(
        id=job.id,
        created_at=_seconds(job.created_at),
        finished_at=_seconds_if_known(job.finished_at),
        estimated_finish=_seconds_if_known(job.estimated_finish) if job.status == "running" else None,
        model=job.model,
        base_model=_name_base(job.base_model),
        fine_tuned_model=job.fine_tuned_model if has_succeeded else None,
        organization_id=f"org-{organization}",
        status=job.status,
        training_file=job.training_file,
        validation_file=job.validation_file,
        result_files=[job.result_file] if has_succeeded and job.result_file else [],
        trained_tokens=job.trained_tokens if has_succeeded else None,
        seed=job.seed,
        method=_describe_method(job),
        hyperparameters=JobHyperparameters.model_validate(_read_hyperparameters(job)),
        error=JobFailure(**job.error._asdict()) if job.status == "failed" and job.error else None,
        integrations=[_describe_integration(integration, job.id) for integration in job.integrations or []],
        metadata=job.metadata,
        user_provided_suffix=job.suffix,
    )


def describe_event(event: JobEvent) -> FineTuningJobEvent:
    return FineTuningJobEvent(
        id=event.id,
        created_at=_seconds(event.created_at),
        level=event.level,
        type=event.type,
        message=event.message,
        data=event.data,
    )


def describe_checkpoint(checkpoint: JobCheckpoint) -> FineTuningJobCheckpoint:
    return FineTuningJobCheckpoint(
        id=checkpoint.id,
        created_at=_seconds(checkpoint.created_at),
        fine_tuned_model_checkpoint=checkpoint.public_name,
        fine_tuning_job_id=checkpoint.job_id,
        step_number=checkpoint.step_number,
        metrics=checkpoint.metrics,
    )


def describe_permission(permission: Permission) -> CheckpointPermission:
    return CheckpointPermission(
        id=permission.id, created_at=_seconds(permission.created_at), project_id=permission.project_id
    )


def _describe_method(job: Job) -> SupervisedMethod | PreferenceMethod:
    chosen = _read_hyperparameters(job)
    if job.method == "dpo":
        return PreferenceMethod(dpo=JobPreference(hyperparameters=JobPreferenceHyperparameters.model_validate(chosen)))
    return SupervisedMethod(supervised=JobSupervised(hyperparameters=JobHyperparameters.model_validate(chosen)))


def _read_hyperparameters(job: Job) -> dict[str, Any]:
    known = dict.fromkeys(JobPreferenceHyperparameters.model_fields, "auto")
    return {**known, **job.hyperparameters}


def _describe_integration(integration: dict[str, Any], job_id: str) -> dict[str, Any]:
    """The run's id is the job's."""
    return {**integration, "wandb": {**integration["wandb"], "run_id": job_id}}


def _name_base(base_model: str) -> str:
    """Of a base in a folder its name alone: where it lies is nobody's business."""
    return PurePath(base_model).name if base_model.startswith("/") else base_model


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _seconds_if_known(moment: datetime | None) -> int | None:
    return None if moment is None else _seconds(moment)
