"""What the holder of an attempt may say of its job, what it may repeat, and when it may say nothing any more."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from luthier.errors import DatabaseUnavailable, LeaseLost
from luthier.jobs.desk import cancel_job, get_job, list_checkpoints, list_events, pause_job
from luthier.jobs.hold import Hold
from luthier.jobs.job import JobError
from luthier.jobs.queue import claim_next
from luthier.store.tables import WebhookDeliveryRow
from tests.support.jobs import add_job, claim, start_job, tell_story

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.store.database import Database

ERROR = JobError("invalid_n_examples", "Training file has 7 example(s)", "training_file")


def announced(db: Database) -> list[str]:
    with db.reading() as session:
        return [row.event["type"] for row in session.scalars(select(WebhookDeliveryRow))]


def test_a_job_goes_its_way_and_each_step_is_told_once(db: Database) -> None:
    job = add_job(db)
    hold = claim(db).hold
    # Everything is said twice, as by a holder that does not know whether it was heard.
    for _ in range(2):
        assert hold.move_to_queue()
    for _ in range(2):
        hold.start_running(hyperparameters={"n_epochs": 3}, run_id="run-1")
    for _ in range(2):
        hold.add_event("info", "Step 1/2", type="metrics", data={"step": 1}, id_from="step-1")
        hold.note_step(1, is_saved=True)
        hold.add_checkpoint(1, "ft:tiny:o::a:ckpt-step-1", {"step": 1})
    hold.add_checkpoint(2, "ft:tiny:o::b", {"step": 2}, is_final=True)
    for _ in range(2):
        hold.succeed(fine_tuned_model="ft:tiny:o::b", trained_tokens=12, result_file="file-r")
    done = get_job(db, job.id)
    assert (done.status, done.fine_tuned_model, done.trained_tokens, done.result_file) == (
        "succeeded",
        "ft:tiny:o::b",
        12,
        "file-r",
    )
    assert (done.hyperparameters, done.run_id, done.worker) == ({"n_epochs": 3}, "run-1", None)
    assert done.started_at is not None
    assert done.finished_at is not None
    assert tell_story(db, job.id)[2:] == [
        "Files validated, moving job to queued state",
        "Fine-tuning job started",
        "Step 1/2",
        "Checkpoint created at step 1 with Snapshot ID: ft:tiny:o::a:ckpt-step-1",
        "New fine-tuned model created: ft:tiny:o::b",
        "The job has successfully completed",
    ]
    assert [checkpoint.step_number for checkpoint in list_checkpoints(db, job.id).items] == [2, 1]
    assert announced(db) == ["fine_tuning.job.succeeded"]


def test_a_job_fails_with_its_reason(db: Database) -> None:
    claimed = start_job(db)
    for _ in range(2):
        claimed.hold.fail(ERROR)
    job = get_job(db, claimed.job.id)
    assert (job.status, job.error, job.fine_tuned_model) == ("failed", ERROR, None)
    last = list_events(db, job.id, limit=1).items[0]
    assert (last.level, last.message) == ("error", ERROR.message)
    assert announced(db) == ["fine_tuning.job.failed"]


WRITES: dict[str, Callable[[Hold], Any]] = {
    "beat": Hold.beat,
    "read_wanted": Hold.read_wanted,
    "move_to_queue": Hold.move_to_queue,
    "start_running": lambda hold: hold.start_running(hyperparameters={}, run_id="zombie"),
    "add_event": lambda hold: hold.add_event("info", "zombie"),
    "note_step": lambda hold: hold.note_step(99, is_saved=True),
    "add_checkpoint": lambda hold: hold.add_checkpoint(99, "zombie", {}),
    "succeed": lambda hold: hold.succeed(fine_tuned_model="zombie", trained_tokens=1, result_file=None),
    "fail": lambda hold: hold.fail(ERROR),
    "end_cancelled": Hold.end_cancelled,
    "end_paused": Hold.end_paused,
    "give_back": Hold.give_back,
    "note_death": lambda hold: hold.note_death("zombie"),
}


def test_the_holder_of_an_earlier_attempt_can_change_nothing(db: Database) -> None:
    first = start_job(db)
    first.hold.add_checkpoint(1, "ft:tiny:o::a:ckpt-step-1", {})
    first.hold.give_back()
    second = claim(db, "worker_b")
    before = get_job(db, first.job.id), tell_story(db, first.job.id)
    for write in WRITES.values():
        with pytest.raises(LeaseLost, match=r"attempt 1 of job .* is over: attempt 2 has begun"):
            write(first.hold)
    assert (get_job(db, first.job.id), tell_story(db, first.job.id)) == before
    assert len(list_checkpoints(db, first.job.id).items) == 1
    second.hold.beat()


@pytest.mark.parametrize("name", sorted(set(WRITES) - {"end_paused", "give_back", "note_death"}))
def test_a_job_that_was_taken_away_is_lost_before_somebody_else_has_it(db: Database, name: str) -> None:
    claimed = start_job(db)
    claimed.hold.give_back()
    if name == "move_to_queue":
        assert not claimed.hold.move_to_queue()
        return
    with pytest.raises(LeaseLost, match="it was taken away"):
        WRITES[name](claimed.hold)


@pytest.mark.parametrize("name", ["start_running", "add_event", "note_step", "add_checkpoint", "succeed", "fail"])
def test_a_job_that_was_cancelled_takes_no_more_from_its_holder(db: Database, name: str) -> None:
    claimed = start_job(db)
    cancel_job(db, claimed.job.id)
    story = tell_story(db, claimed.job.id)
    with pytest.raises(LeaseLost, match="the job was cancelled"):
        WRITES[name](claimed.hold)
    assert get_job(db, claimed.job.id).status == "cancelled"
    assert tell_story(db, claimed.job.id) == story


def test_a_cancelled_job_is_let_go_when_its_process_is_gone(db: Database) -> None:
    claimed = start_job(db)
    cancel_job(db, claimed.job.id)
    assert get_job(db, claimed.job.id).worker == "worker_a"
    for _ in range(2):
        claimed.hold.end_cancelled()
    assert get_job(db, claimed.job.id).worker is None
    assert announced(db) == ["fine_tuning.job.cancelled"]


def test_a_job_that_was_given_back_goes_on_in_a_new_attempt(db: Database) -> None:
    first = start_job(db)
    first.hold.note_step(40, is_saved=True)
    for _ in range(2):
        first.hold.give_back()
    second = claim(db, "worker_b")
    assert (second.job.attempt, second.job.saved_step, second.job.status) == (2, 40, "queued")
    second.hold.start_running(hyperparameters={"n_epochs": 3}, run_id="run-1")
    assert tell_story(db, first.job.id)[3:] == ["Fine-tuning job started", "Fine-tuning job continues from step 40"]


def test_an_attempt_that_is_cut_short_is_told_of(db: Database) -> None:
    first = start_job(db)
    first.hold.note_step(40, is_saved=True)
    for _ in range(2):
        first.hold.note_death("its process was ended by SIGKILL")
    assert get_job(db, first.job.id).status == "queued"
    events = list_events(db, first.job.id, limit=1).items
    message = "Training was interrupted: its process was ended by SIGKILL; it goes on from step 40"
    assert (events[0].level, events[0].message) == ("warn", message)


def test_a_saved_step_takes_the_deaths_before_it_off_the_count(db: Database) -> None:
    add_job(db)
    for number in range(1, 4):
        claimed = claim(db)
        assert claimed.job.barren_attempts == number
        claimed.hold.note_death("x")
    claimed = claim(db)
    claimed.hold.note_step(1)
    assert get_job(db, claimed.job.id).barren_attempts == 4
    claimed.hold.note_step(1, is_saved=True)
    assert get_job(db, claimed.job.id).barren_attempts == 0


def test_to_get_no_further_than_before_is_no_progress(db: Database) -> None:
    claimed = start_job(db)
    claimed.hold.note_step(10, is_saved=True)
    claimed.hold.note_death("x")
    claimed = claim(db)
    claimed.hold.note_step(10, is_saved=True)
    assert get_job(db, claimed.job.id).barren_attempts == 1


def test_stopping_on_request_is_no_death(db: Database) -> None:
    add_job(db)
    for _ in range(8):
        claim(db).hold.give_back()
    assert claim(db).job.barren_attempts == 1


def test_files_that_are_checked_while_another_job_trains_send_theirs_to_the_queue(db: Database) -> None:
    busy = start_job(db)
    add_job(db)
    checked = claim(db)
    assert not checked.hold.move_to_queue()
    job = get_job(db, checked.job.id)
    assert (job.status, job.worker) == ("queued", None)
    assert claim_next(db, "worker_a") is None
    busy.hold.succeed(fine_tuned_model="m", trained_tokens=1, result_file=None)
    assert claim(db).job.id == job.id


def test_a_job_does_not_overtake_one_that_has_waited_for_longer(db: Database) -> None:
    first = start_job(db, "worker_b")
    add_job(db)
    later = claim(db)
    first.hold.give_back()
    assert not later.hold.move_to_queue()
    assert claim(db).job.id == first.job.id


def test_a_pause_during_the_check_takes_effect_behind_it(db: Database) -> None:
    add_job(db)
    claimed = claim(db)
    pause_job(db, claimed.job.id)
    assert not claimed.hold.move_to_queue()
    assert get_job(db, claimed.job.id).status == "paused"


def test_many_holders_at_once_lose_no_event(db: Database) -> None:
    claims = [start_job(db, f"worker_{number}") for number in range(4)]

    def write(hold: Hold) -> None:
        for step in range(10):
            hold.add_event("info", f"Step {step}", id_from=f"step-{step}")
            hold.beat()

    threads = [threading.Thread(target=write, args=(claimed.hold,)) for claimed in claims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for claimed in claims:
        assert tell_story(db, claimed.job.id)[4:] == [f"Step {step}" for step in range(10)]


def test_without_patience_a_lost_database_is_said_at_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed = start_job(db)
    failures = fail_first(db, monkeypatch, times=1)
    with pytest.raises(DatabaseUnavailable):
        claimed.hold.note_step(1)
    assert failures == [1]


def test_with_patience_a_lost_database_is_waited_for(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed = start_job(db)
    hold = Hold(db, claimed.job.id, claimed.job.attempt, patience_seconds=30)
    failures = fail_first(db, monkeypatch, times=3)
    hold.note_step(7)
    assert len(failures) == 3
    assert get_job(db, claimed.job.id).step == 7


def fail_first(db: Database, monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[int]:
    """The next connections are refused, as by a server that restarts."""
    failures: list[int] = []
    connect = type(db.engine).connect

    def refuse(engine: Any) -> Any:
        if len(failures) < times:
            failures.append(1)
            raise DatabaseUnavailable("away", hint="")
        return connect(engine)

    monkeypatch.setattr(type(db.engine), "connect", refuse)
    return failures
