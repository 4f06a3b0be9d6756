"""Of running jobs the latest numbers are told, and of the others none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.jobs.desk import create_job
from luthier.jobs.job import JobDraft
from luthier.jobs.progress import Progress, list_progress
from luthier.store.tables import JobEventRow, JobRow

if TYPE_CHECKING:
    from luthier.store.database import Database
    from luthier.store.home import Home

DRAFT = JobDraft(request={}, model="m", base_model="m", training_file="f", method="supervised", hyperparameters={})


def _run(db: Database, job_id: str, *losses: float | None, status: str = "running") -> None:
    with db.session() as session:
        row = session.get_one(JobRow, job_id)
        row.status, row.step = status, len(losses)
        for step, loss in enumerate(losses, start=1):
            data = {"step": step} | ({} if loss is None else {"train_loss": loss})
            session.add(
                JobEventRow(
                    id=f"{job_id}-{step}",
                    job_id=job_id,
                    created_at=db.clock(),
                    level="info",
                    type="metrics",
                    message="",
                    data=data,
                )
            )
            session.flush()


def test_the_last_step_of_each_running_job_is_told(home: Home) -> None:
    db = home.database
    first, second, third, fourth = (create_job(db, DRAFT).id for _ in range(4))
    _run(db, first, 0.9, 0.5)
    _run(db, second)
    _run(db, third, 0.3, status="succeeded")
    _run(db, fourth, 0.7, None)
    assert list_progress(db) == [
        Progress(first, step=2, train_loss=0.5),
        Progress(second, step=0, train_loss=None),
        Progress(fourth, step=2, train_loss=None),
    ]


def test_without_jobs_there_is_nothing_to_tell(home: Home) -> None:
    assert list_progress(home.database) == []
