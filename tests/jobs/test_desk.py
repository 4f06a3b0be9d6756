"""What somebody can ask of jobs from outside, on both databases."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from luthier.errors import InvalidRequest, UnknownJob, WrongState
from luthier.jobs.desk import (
    ANY,
    cancel_job,
    count_jobs,
    count_live_workers,
    count_waiting,
    create_job,
    get_job,
    list_checkpoints,
    list_events,
    list_jobs,
    pause_job,
    resume_job,
)
from luthier.jobs.job import JobError
from luthier.jobs.liveness import identify_process
from luthier.jobs.queue import claim_next, register_worker
from luthier.store.tables import WebhookDeliveryRow
from tests.support.jobs import add_job, claim, draft, start_job, tell_story

if TYPE_CHECKING:
    from luthier.store.database import Database


def announced(db: Database) -> list[tuple[str, str]]:
    with db.reading() as session:
        rows = session.scalars(select(WebhookDeliveryRow).order_by(WebhookDeliveryRow.created_at))
        return [(row.event["type"], row.event["data"]["id"]) for row in rows]


def test_a_new_job_waits_and_says_what_is_done_with_its_files(db: Database) -> None:
    job = create_job(db, draft(validation_file="file-b", seed=7, metadata={"k": "v"}, suffix="s"))
    assert (job.status, job.seed, job.metadata, job.error, job.worker) == (
        "validating_files",
        7,
        {"k": "v"},
        None,
        None,
    )
    assert job.id.startswith("ftjob-")
    assert get_job(db, job.id) == job
    assert tell_story(db, job.id) == [
        f"Created fine-tuning job: {job.id}",
        "Validating training file: file-a and validation file: file-b",
    ]
    assert count_waiting(db) == 1


def test_a_seed_is_drawn_when_none_is_given(db: Database) -> None:
    seeds = {add_job(db).seed for _ in range(5)}
    assert len(seeds) > 1
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_job_that_is_not_there_is_named(db: Database) -> None:
    for ask in (get_job, cancel_job, pause_job, resume_job, list_events, list_checkpoints):
        with pytest.raises(UnknownJob, match="no fine-tuning job has the id 'ftjob-x'"):
            ask(db, "ftjob-x")
    with pytest.raises(UnknownJob):
        list_jobs(db, after="ftjob-x")
    job = add_job(db)
    with pytest.raises(UnknownJob, match="no event 'ftevent-x'"):
        list_events(db, job.id, after="ftevent-x")
    with pytest.raises(UnknownJob, match="no checkpoint 'ftckpt_x'"):
        list_checkpoints(db, job.id, after="ftckpt_x")


def test_a_request_that_is_sent_again_makes_no_second_job(db: Database) -> None:
    first = create_job(db, draft())
    assert create_job(db, draft(), retry_count=1).id == first.id
    assert create_job(db, draft(), retry_count=2).id == first.id
    assert len(list_jobs(db).items) == 1


def test_only_the_same_request_of_the_same_key_is_taken_for_a_repeat(db: Database) -> None:
    create_job(db, draft())
    create_job(db, draft(created_by="key_b"), retry_count=1)
    create_job(db, draft(request={"model": "tiny", "training_file": "file-b"}), retry_count=1)
    create_job(db, draft(), retry_count=0)
    assert len(list_jobs(db).items) == 4


def test_a_request_whose_first_copy_never_arrived_makes_a_job(db: Database) -> None:
    assert create_job(db, draft(), retry_count=1).status == "validating_files"


def test_copies_of_a_request_that_arrive_together_make_one_job(db: Database) -> None:
    gate = threading.Barrier(6)

    def send() -> None:
        gate.wait()
        create_job(db, draft(), retry_count=1)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list_jobs(db).items) == 1


def test_jobs_are_listed_in_pages_the_latest_first(db: Database) -> None:
    jobs = [add_job(db).id for _ in range(5)][::-1]
    first = list_jobs(db, limit=2)
    assert ([job.id for job in first.items], first.has_more) == (jobs[:2], True)
    rest = list_jobs(db, limit=3, after=jobs[1])
    assert ([job.id for job in rest.items], rest.has_more) == (jobs[2:], False)


STRANGE_KEYS = ["plain", "", "with space", 'quote"', "$.a[0]", "a.b", "%", "it's", "ключ", "\\"]


def test_jobs_are_found_by_their_metadata_whatever_its_keys_are(db: Database) -> None:
    for key in STRANGE_KEYS:
        add_job(db, metadata={key: f"value of {key}", "shared": "yes"})
    none = add_job(db)
    for key in STRANGE_KEYS:
        found = list_jobs(db, metadata={key: f"value of {key}", "shared": "yes"}).items
        assert [job.metadata for job in found] == [{key: f"value of {key}", "shared": "yes"}]
        assert list_jobs(db, metadata={key: "value"}).items == []
    assert [job.id for job in list_jobs(db, metadata=None).items] == [none.id]
    assert len(list_jobs(db, metadata={}).items) == len(list_jobs(db, metadata=ANY).items) == len(STRANGE_KEYS) + 1


def test_an_empty_value_is_not_a_missing_one(db: Database) -> None:
    add_job(db)
    job = add_job(db, metadata={"k": ""})
    assert [found.id for found in list_jobs(db, metadata={"k": ""}).items] == [job.id]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_metadata_that_a_database_cannot_keep_is_refused(db: Database, text: str) -> None:
    with pytest.raises(InvalidRequest, match="metadata holds a character that cannot be kept"):
        add_job(db, metadata={text: "v"})
    with pytest.raises(InvalidRequest):
        add_job(db, metadata={"k": text})


def test_cancelling_ends_a_job_that_waits(db: Database) -> None:
    job = add_job(db)
    cancelled = cancel_job(db, job.id)
    assert cancelled.status == "cancelled"
    assert cancelled.finished_at is not None
    assert announced(db) == [("fine_tuning.job.cancelled", job.id)]
    assert claim_next(db, "worker_a") is None
    with pytest.raises(WrongState, match="is cancelled and cannot be cancelled"):
        cancel_job(db, job.id)


def test_cancelling_ends_a_job_that_runs_and_its_holder_hears_of_it(db: Database) -> None:
    claimed = start_job(db)
    assert cancel_job(db, claimed.job.id).status == "cancelled"
    assert claimed.hold.beat().wanted == "cancel"
    assert claimed.hold.read_wanted() == "cancel"


def test_a_job_that_waits_is_paused_at_once_and_resumed(db: Database) -> None:
    job = add_job(db)
    assert pause_job(db, job.id).status == "paused"
    assert claim_next(db, "worker_a") is None
    with pytest.raises(WrongState, match="is paused and cannot be paused"):
        pause_job(db, job.id)
    resumed = resume_job(db, job.id)
    assert (resumed.status, resumed.wanted) == ("validating_files", None)
    assert claim(db).job.id == job.id


def test_a_job_that_runs_is_paused_when_it_is_saved(db: Database) -> None:
    claimed = start_job(db)
    asked = pause_job(db, claimed.job.id)
    assert (asked.status, asked.wanted) == ("running", "pause")
    assert pause_job(db, claimed.job.id).wanted == "pause"
    assert claimed.hold.beat() == ("pause", "running")
    claimed.hold.note_step(5, is_saved=True)
    claimed.hold.end_paused()
    paused = get_job(db, claimed.job.id)
    assert (paused.status, paused.wanted, paused.worker) == ("paused", None, None)
    assert resume_job(db, paused.id).status == "queued"


def test_a_pause_that_is_taken_back_in_time_changes_nothing(db: Database) -> None:
    claimed = start_job(db)
    pause_job(db, claimed.job.id)
    assert resume_job(db, claimed.job.id).status == "running"
    assert claimed.hold.beat().wanted is None


def test_a_pause_that_is_taken_back_too_late_puts_the_job_back_in_the_queue(db: Database) -> None:
    claimed = start_job(db)
    pause_job(db, claimed.job.id)
    assert claimed.hold.read_wanted() == "pause"
    resume_job(db, claimed.job.id)
    claimed.hold.end_paused()
    assert get_job(db, claimed.job.id).status == "queued"


def test_only_a_job_that_stands_still_can_be_resumed(db: Database) -> None:
    claimed = start_job(db)
    with pytest.raises(WrongState, match="is running and cannot be resumed"):
        resume_job(db, claimed.job.id)
    claimed.hold.fail(JobError("bad", "it is bad"))
    for ask in (resume_job, pause_job, cancel_job):
        with pytest.raises(WrongState, match="is failed and cannot be"):
            ask(db, claimed.job.id)


def test_events_are_listed_in_pages_the_latest_first(db: Database) -> None:
    claimed = start_job(db)
    for step in range(1, 4):
        claimed.hold.add_event("info", f"Step {step}/3", type="metrics", data={"step": step})
    first = list_events(db, claimed.job.id, limit=2)
    assert ([event.message for event in first.items], first.has_more) == (["Step 3/3", "Step 2/3"], True)
    rest = list_events(db, claimed.job.id, limit=20, after=first.items[-1].id)
    assert ([event.message for event in rest.items][:2], rest.has_more) == (
        ["Step 1/3", "Fine-tuning job started"],
        False,
    )
    assert (first.items[0].type, first.items[0].data) == ("metrics", {"step": 3})


def test_checkpoints_are_listed_in_pages_the_highest_step_first(db: Database) -> None:
    claimed = start_job(db)
    for step in (10, 30):
        claimed.hold.add_checkpoint(step, f"ft:tiny:o::x:ckpt-step-{step}", {"step": step})
    page = list_checkpoints(db, claimed.job.id, limit=1)
    assert ([checkpoint.step_number for checkpoint in page.items], page.has_more) == ([30], True)
    rest = list_checkpoints(db, claimed.job.id, after=page.items[0].id)
    assert ([checkpoint.metrics for checkpoint in rest.items], rest.has_more) == ([{"step": 10}], False)


def test_jobs_and_workers_are_counted(db: Database) -> None:
    assert (count_waiting(db), count_live_workers(db, within_seconds=60)) == (0, 0)
    register_worker(db, identify_process())
    start_job(db)
    add_job(db)
    counts = count_jobs(db)
    assert (counts["running"], counts["validating_files"], counts["succeeded"]) == (1, 1, 0)
    assert (count_waiting(db), count_live_workers(db, within_seconds=60)) == (1, 1)
    assert count_live_workers(db, within_seconds=1) == 0
