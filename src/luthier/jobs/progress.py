"""Running jobs become the latest numbers of their training, for whoever watches the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from luthier.store.tables import JobEventRow, JobRow

if TYPE_CHECKING:
    from luthier.store.database import Database


class Progress(NamedTuple):
    """`train_loss` is that of the last step that was told, None before the first."""

    job_id: str
    step: int
    train_loss: float | None


def list_progress(db: Database) -> list[Progress]:
    """Of every running job, the oldest first."""
    running = JobRow.status == "running"
    latest = (
        select(func.max(JobEventRow.number))
        .join(JobRow, JobRow.id == JobEventRow.job_id)
        .where(running, JobEventRow.type == "metrics")
        .group_by(JobEventRow.job_id)
    )
    with db.reading() as session:
        jobs = session.execute(select(JobRow.id, JobRow.step).where(running).order_by(JobRow.id)).all()
        events = session.scalars(select(JobEventRow).where(JobEventRow.number.in_(latest)))
        losses = {event.job_id: (event.data or {}).get("train_loss") for event in events}
    return [Progress(job_id, step, losses.get(job_id)) for job_id, step in jobs]
