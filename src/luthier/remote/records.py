"""What a server tells of jobs and models becomes records, which those of this machine are shown as too."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A newer server may tell more than is known here."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class JobFailure(Record):
    code: str
    message: str
    param: str | None = None


class JobRecord(Record):
    """`base_model` is what really stands behind `model`."""

    id: str
    status: str
    model: str
    base_model: str
    method: str
    hyperparameters: dict[str, Any]
    training_file: str
    validation_file: str | None
    seed: int
    created_at: datetime
    finished_at: datetime | None
    estimated_finish: datetime | None
    fine_tuned_model: str | None
    result_files: list[str]
    trained_tokens: int | None
    metadata: dict[str, str] | None
    error: JobFailure | None

    @property
    def is_ended(self) -> bool:
        return self.status in ("succeeded", "failed", "cancelled")


class EventRecord(Record):
    id: str
    created_at: datetime
    level: str
    type: str
    message: str
    data: dict[str, Any] | None = None


class CheckpointRecord(Record):
    fine_tuned_model_checkpoint: str
    step_number: int
    metrics: dict[str, float]


def read_job(answer: dict[str, Any]) -> JobRecord:
    """From the object of the fine-tuning API."""
    return JobRecord.model_validate({**answer, "method": answer["method"]["type"]})
