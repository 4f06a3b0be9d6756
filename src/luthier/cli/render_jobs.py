"""Jobs and their events become plain text for people, or documents for --json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.cli.render import format_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.remote.records import CheckpointRecord, EventRecord, JobRecord


def describe_job(job: JobRecord) -> dict[str, Any]:
    return job.model_dump(mode="json")


def render_jobs(jobs: Sequence[JobRecord]) -> str:
    if not jobs:
        return "no jobs yet"
    rows = [("id", "status", "made", "model", "became")]
    rows += [
        (job.id, job.status, f"{job.created_at:%Y-%m-%d %H:%M}", job.model, job.fine_tuned_model or "") for job in jobs
    ]
    return format_table(rows)


def render_job(job: JobRecord, checkpoints: Sequence[CheckpointRecord]) -> str:
    model = job.model if job.model == job.base_model else f"{job.model}, which is {job.base_model} here"
    lines = [f"job {job.id}: {job.status}", f"  {job.method} on {model}, seed {job.seed}"]
    lines.append("  " + ", ".join(f"{name} {value}" for name, value in job.hyperparameters.items()))
    if job.error is not None:
        lines.append(f"  {job.error.code}: {job.error.message}")
    if job.fine_tuned_model is not None:
        lines.append(f"  {job.fine_tuned_model}, from {job.trained_tokens or 0:,} trained tokens")
    lines += [
        f"  step {each.step_number}: {each.fine_tuned_model_checkpoint}"
        for each in checkpoints
        if each.fine_tuned_model_checkpoint != job.fine_tuned_model
    ]
    return "\n".join(lines)


def render_event(event: EventRecord) -> str:
    sign = "" if event.level == "info" else "warning: " if event.level == "warn" else f"{event.level}: "
    return f"{event.created_at:%H:%M:%S} {sign}{event.message}"
