"""What clients get to see of fine-tuning jobs, their events and checkpoints, and checkpoints' permissions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from luthier.jobs.job import JobStatus
from luthier.server.openai.schema.page import Listed

Number = int | float


class JobFailure(BaseModel):
    code: str
    message: str
    param: str | None


class JobHyperparameters(BaseModel):
    """`auto` until the job has chosen."""

    n_epochs: int | Literal["auto"]
    batch_size: int | Literal["auto"]
    learning_rate_multiplier: Number | Literal["auto"]


class JobPreferenceHyperparameters(JobHyperparameters):
    beta: Number | Literal["auto"]


class JobSupervised(BaseModel):
    hyperparameters: JobHyperparameters


class JobPreference(BaseModel):
    hyperparameters: JobPreferenceHyperparameters


class SupervisedMethod(BaseModel):
    type: Literal["supervised"] = "supervised"
    supervised: JobSupervised


class PreferenceMethod(BaseModel):
    type: Literal["dpo"] = "dpo"
    dpo: JobPreference


class FineTuningJob(Listed):
    """`base_model` is not OpenAI's: the model of this machine that stands behind `model`."""

    object: Literal["fine_tuning.job"] = "fine_tuning.job"
    created_at: int
    finished_at: int | None
    estimated_finish: int | None
    model: str
    base_model: str
    fine_tuned_model: str | None
    organization_id: str
    status: JobStatus
    training_file: str
    validation_file: str | None
    result_files: list[str]
    trained_tokens: int | None
    seed: int
    method: SupervisedMethod | PreferenceMethod
    hyperparameters: JobHyperparameters
    error: JobFailure | None
    integrations: list[dict[str, Any]]
    metadata: dict[str, str] | None
    user_provided_suffix: str | None
    usage_metrics: None = None
    shared_with_openai: Literal[False] = False


class FineTuningJobEvent(Listed):
    object: Literal["fine_tuning.job.event"] = "fine_tuning.job.event"
    created_at: int
    level: Literal["info", "warn", "error"]
    type: Literal["message", "metrics"]
    message: str
    data: dict[str, Any] | None


class FineTuningJobCheckpoint(Listed):
    object: Literal["fine_tuning.job.checkpoint"] = "fine_tuning.job.checkpoint"
    created_at: int
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    step_number: int
    metrics: dict[str, Number]


class CheckpointPermission(Listed):
    object: Literal["checkpoint.permission"] = "checkpoint.permission"
    created_at: int
    project_id: str


class DeletedPermission(BaseModel):
    id: str
    object: Literal["checkpoint.permission"] = "checkpoint.permission"
    deleted: Literal[True] = True
