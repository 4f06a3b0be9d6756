"""Jobs for tests: drafts, and what happened to one in the order in which it did."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from luthier.jobs.desk import create_job, list_events
from luthier.jobs.job import JobDraft
from luthier.jobs.queue import claim_next

if TYPE_CHECKING:
    from luthier.jobs.job import Job
    from luthier.jobs.queue import Claim
    from luthier.store.database import Database


def draft(**changes: Any) -> JobDraft:
    usual = JobDraft(
        request={"model": "tiny", "training_file": "file-a"},
        model="tiny",
        base_model="tiny",
        training_file="file-a",
        method="supervised",
        hyperparameters={"n_epochs": "auto"},
        created_by="key_a",
    )
    return replace(usual, **changes)


def add_job(db: Database, **changes: Any) -> Job:
    return create_job(db, draft(**changes))


def claim(db: Database, worker_id: str = "worker_a") -> Claim:
    found = claim_next(db, worker_id)
    assert found is not None
    return found


def start_job(db: Database, worker_id: str = "worker_a") -> Claim:
    """A new job that `worker_id` trains."""
    add_job(db)
    claimed = claim(db, worker_id)
    assert claimed.hold.move_to_queue()
    claimed.hold.start_running(hyperparameters={"n_epochs": 3}, run_id="run-1")
    return claimed


def tell_story(db: Database, job_id: str) -> list[str]:
    """The messages of its events, the first first."""
    page = list_events(db, job_id, limit=1000)
    assert not page.has_more
    return [event.message for event in reversed(page.items)]
