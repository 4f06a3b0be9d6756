"""Which runs no job will go on with, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.jobs.desk import cancel_job
from luthier.jobs.leftovers import list_ended_runs
from tests.support.jobs import start_job

if TYPE_CHECKING:
    from luthier.store.database import Database


def test_the_runs_of_ended_jobs_are_found_among_others(db: Database) -> None:
    claimed = start_job(db)
    assert list_ended_runs(db, ["run-1", "run-2"]) == []
    cancel_job(db, claimed.job.id)
    assert list_ended_runs(db, ["run-1", "run-2"]) == ["run-1"]
    assert list_ended_runs(db, ["run-2"]) == []
    assert list_ended_runs(db, []) == []
