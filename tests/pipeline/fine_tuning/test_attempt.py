"""Whole jobs on a tiny model: what they tell, what they leave, how they stop, and how they go on after any death."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from luthier.errors import DiskFull, UnknownModel
from luthier.jobs.desk import cancel_job, get_job, list_checkpoints, list_events, pause_job, resume_job
from luthier.jobs.hold import Hold
from luthier.models.public_names import PublicNames
from luthier.models.registry import find_model
from luthier.pipeline.fine_tuning.attempt import work_on_job
from luthier.pipeline.fine_tuning.files import JobData, read_files
from luthier.pipeline.fine_tuning.order import order_job
from luthier.settings import Settings
from luthier.store.catalog import list_models
from luthier.store.home import Home
from luthier.store.locks import hold_lock
from luthier.store.user_files.shelf import find_content_path, get_file
from tests.support.fine_tuning import Killed, claim_hold, order_tuning, write_chats, write_preferences
from tests.support.jobs import tell_story

if TYPE_CHECKING:
    from luthier.jobs.job import Job
    from luthier.models.catalog import Base

ROWS, HELD_OUT = write_chats(10), write_chats(4, start=10)
TWO = {"n_epochs": 2, "batch_size": 6, "learning_rate_multiplier": 9}


def finish(home: Home, job: Job) -> Job:
    work_on_job(home, claim_hold(home))
    return get_job(home.database, job.id)


def list_weights(home: Home, job: Job) -> dict[int, str]:
    """The hashes of the job's models by step."""
    found = list_checkpoints(home.database, job.id, limit=100).items
    names = {each.step_number: PublicNames(home).resolve(each.public_name).model for each in found}
    return {step: find_model(home, name).card.weights_hash for step, name in names.items()}


def read_result(home: Home, job: Job) -> list[str]:
    assert job.result_file is not None
    return find_content_path(home, job.result_file).read_text().splitlines()


def test_a_job_is_told_in_the_order_and_the_words_of_openai(home: Home, tiny_base: Base) -> None:
    job = order_tuning(home, tiny_base, ROWS, HELD_OUT)
    done = finish(home, job)
    story = tell_story(home.database, job.id)
    assert done.status == "succeeded"
    assert story[2:4] == ["Files validated, moving job to queued state", "Fine-tuning job started"]
    steps = [text.partition(":")[0] for text in story if text.startswith("Step")]
    assert steps == ["Step 1/4", "Step 2/4", "Step 3/4", "Step 4/4"]
    assert story[4].partition("=")[0] == "Step 1/4: training loss"
    assert "full validation loss=" not in story[4]
    assert ", full validation loss=" in story[5]
    (checkpoint,) = [text for text in story if text.startswith("Checkpoint")]
    assert checkpoint.startswith("Checkpoint created at step 2 with Snapshot ID: ft:tiny:luthier:colours:")
    assert checkpoint.endswith(":ckpt-step-2")
    assert story[-2:] == [
        f"New fine-tuned model created: {done.fine_tuned_model}",
        "The job has successfully completed",
    ]


def test_a_succeeded_job_shows_numbers_where_auto_was_asked(home: Home, tiny_base: Base) -> None:
    auto = {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}
    job = order_tuning(home, tiny_base, ROWS, hyperparameters={**auto, "n_epochs": 1})
    assert finish(home, job).hyperparameters == {"n_epochs": 1, "batch_size": 1, "learning_rate_multiplier": 1.0}


def test_the_metrics_of_a_step_are_the_same_in_events_checkpoints_and_the_result_file(
    home: Home, tiny_base: Base
) -> None:
    job = finish(home, order_tuning(home, tiny_base, ROWS, HELD_OUT))
    events = list_events(home.database, job.id, limit=100).items
    told: dict[int, dict[str, Any]] = {each.data["step"]: each.data for each in events if each.type == "metrics"}
    assert set(told[4]) == {
        *("step", "total_steps", "train_loss", "train_mean_token_accuracy", "valid_loss"),
        *("valid_mean_token_accuracy", "full_valid_loss", "full_valid_mean_token_accuracy"),
    }
    for checkpoint in list_checkpoints(home.database, job.id).items:
        step = told[checkpoint.step_number]
        assert {"total_steps": 4, **checkpoint.metrics} == step
        card = find_model(home, PublicNames(home).resolve(checkpoint.public_name).model).card
        assert card.metrics["validation_loss"] == step["full_valid_loss"]
    lines = read_result(home, job)
    assert lines[0] == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    for line in lines[1:]:
        step, loss, accuracy, *judged = line.split(",")
        assert (float(loss), float(accuracy)) == pytest.approx(
            (told[int(step)]["train_loss"], told[int(step)]["train_mean_token_accuracy"]), abs=1e-5
        )
        assert [value != "" for value in judged] == ["valid_loss" in told[int(step)]] * 2
    assert get_file(home.database, job.result_file or "").purpose == "fine-tune-results"
    assert job.trained_tokens == find_model(home, job.id).card.metrics["tokens"]


def test_without_a_validation_file_all_rows_are_learnt_and_the_last_weights_kept(home: Home, tiny_base: Base) -> None:
    job = finish(home, order_tuning(home, tiny_base, ROWS))
    assert job.status == "succeeded"
    card = find_model(home, job.id).card
    assert card.rows["train"]["rows"] == 10
    assert card.metrics["best_step"] == card.metrics["steps"] == 4
    assert "validation_loss" not in card.metrics
    assert card.proof["output_changed"]["holds"]
    assert [line.endswith(",,") for line in read_result(home, job)[1:]] == [True] * 4


def test_a_full_disk_pauses_a_job_which_then_goes_on_to_the_same_weights(
    home: Home, tiny_base: Base, expected: dict[int, str]
) -> None:
    job = order_tuning(home, tiny_base, ROWS, HELD_OUT)

    def fill_disk(number: int, name: str) -> None:
        if name == "note_step" and number > 8:
            raise DiskFull("/srv/luthier/runs: no room")

    work_on_job(home, claim_hold(home, fill_disk))
    assert get_job(home.database, job.id).status == "paused"
    assert tell_story(home.database, job.id)[-1].startswith("The job is paused: the server's disk is full; resumed, it")
    resume_job(home.database, job.id)
    assert list_weights(home, finish(home, job)) == expected


@pytest.fixture(scope="module")
def expected(tiny_base: Base, tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """The weights of a job that nothing disturbs."""
    home = Home(Settings(home=tmp_path_factory.mktemp("undisturbed")))
    weights = list_weights(home, finish(home, order_tuning(home, tiny_base, ROWS, HELD_OUT)))
    home.database.close()
    return weights


@pytest.mark.parametrize("last_call", [4, 7, 10, 13, 14])
def test_a_job_that_dies_anywhere_ends_with_the_same_weights_and_says_nothing_twice(
    home: Home, tiny_base: Base, expected: dict[int, str], last_call: int
) -> None:
    """After its files, in the midst of training, with a checkpoint published, and one moment before it succeeds."""
    job = order_tuning(home, tiny_base, ROWS, HELD_OUT)

    def die(number: int, name: str) -> None:
        if number == last_call:
            raise Killed

    hold = claim_hold(home, die)
    with pytest.raises(Killed):
        work_on_job(home, hold)
    Hold(home.database, job.id, hold.attempt).note_death("it was killed")
    work_on_job(home, claim_hold(home))
    story = tell_story(home.database, job.id)
    assert list_weights(home, job) == expected
    assert len(set(story)) == len(story)
    steps = [text.partition(":")[0] for text in story if text.startswith("Step")]
    assert steps == ["Step 1/4", "Step 2/4", "Step 3/4", "Step 4/4"]
    assert not (home.runs / (get_job(home.database, job.id).run_id or "") / "checkpoints").exists()


@pytest.mark.parametrize("is_paused", [True, False], ids=["paused", "stopped"])
def test_a_job_that_is_asked_to_stop_saves_itself_and_goes_on_later(
    home: Home, tiny_base: Base, expected: dict[int, str], is_paused: bool
) -> None:
    job = order_tuning(home, tiny_base, ROWS, HELD_OUT)

    def interrupt(number: int, name: str) -> None:
        if name == "note_step" and get_job(home.database, job.id).step == 1:
            if is_paused:
                pause_job(home.database, job.id)
            os.kill(os.getpid(), signal.SIGTERM)

    work_on_job(home, claim_hold(home, interrupt))
    stopped = get_job(home.database, job.id)
    assert stopped.status == ("paused" if is_paused else "queued")
    assert 0 < stopped.saved_step < 4
    if is_paused:
        resume_job(home.database, job.id)
    assert finish(home, job).status == "succeeded"
    assert list_weights(home, job) == expected


def test_a_cancelled_job_stops_at_its_next_word_and_leaves_no_model(home: Home, tiny_base: Base) -> None:
    job = order_tuning(home, tiny_base, ROWS)

    def cancel(number: int, name: str) -> None:
        if name == "note_step" and get_job(home.database, job.id).status == "running":
            cancel_job(home.database, job.id)

    work_on_job(home, claim_hold(home, cancel))
    ended = get_job(home.database, job.id)
    assert ended.status == "cancelled"
    assert list_models(home.database) == []
    assert not (home.runs / (ended.run_id or "") / "checkpoints").exists()


def test_a_job_that_is_cancelled_while_it_publishes_takes_its_names_back(home: Home, tiny_base: Base) -> None:
    job = order_tuning(home, tiny_base, ROWS)

    def cancel(number: int, name: str) -> None:
        if name == "succeed":
            cancel_job(home.database, job.id)

    work_on_job(home, claim_hold(home, cancel))
    (checkpoint, *_) = list_checkpoints(home.database, job.id).items
    with pytest.raises(UnknownModel):
        PublicNames(home).resolve(checkpoint.public_name)


def test_a_job_waits_for_the_process_that_has_lost_it(home: Home, tiny_base: Base) -> None:
    job = order_tuning(home, tiny_base, ROWS)
    held: list[int] = []

    def look(number: int, name: str) -> None:
        if name == "start_running":
            data = read_files(home, job)
            assert isinstance(data, JobData)
            path = home.lock_of(order_job(home, job, data).run.id)
            path.parent.mkdir(parents=True, exist_ok=True)
            held.append(hold_lock(path))
        if name == "read_wanted":  # it has found the lock taken, and asks whether the job is still its own
            os.close(held.pop())

    work_on_job(home, claim_hold(home, look))
    assert held == []
    assert get_job(home.database, job.id).status == "succeeded"


def test_a_job_on_pairs_learns_the_preference(home: Home, tiny_base: Base) -> None:
    pairs = write_preferences(12)
    job = order_tuning(home, tiny_base, pairs, pairs, method="dpo", hyperparameters={**TWO, "beta": 0.2})
    done = finish(home, job)
    assert done.status == "succeeded"
    assert done.hyperparameters["beta"] == 0.2
    assert read_result(home, done)[0] == "step,train_loss,train_accuracy,valid_loss,valid_accuracy"
    story = tell_story(home.database, job.id)
    assert any("12 of 12 validation examples ask what a training example asks" in text for text in story)


@pytest.mark.parametrize("method", ["supervised", "dpo"])
def test_training_goes_on_from_a_job_s_model_or_checkpoint(home: Home, tiny_base: Base, method: str) -> None:
    first = finish(home, order_tuning(home, tiny_base, ROWS, hyperparameters=TWO))
    rows = ROWS if method == "supervised" else write_preferences(10)
    second = order_tuning(home, f"{first.id}-step-2", rows, method=method, model=first.fine_tuned_model)
    done = finish(home, second)
    assert done.status == "succeeded", done.error
    assert done.fine_tuned_model is not None
    assert done.fine_tuned_model.startswith("ft:tiny:luthier:colours:")
    card = find_model(home, second.id).card
    assert card.base == tiny_base.name
    start = float(read_result(home, done)[1].split(",")[1])
    if method == "supervised":  # the loss before its first step is that of the checkpoint, not that of the base
        after_first = [float(line.split(",")[1]) for line in read_result(home, first)[1:]]
        assert start < after_first[0]
    else:  # and what it is compared with is the checkpoint too
        assert start == pytest.approx(0.6931, abs=1e-3)


def test_a_rate_beyond_all_bounds_fails_the_job(home: Home, tiny_base: Base) -> None:
    job = order_tuning(home, tiny_base, ROWS, hyperparameters={**TWO, "learning_rate_multiplier": 1e6})
    error = finish(home, job).error
    assert error is not None
    assert (error.code, error.param) == ("invalid_config", "hyperparameters")
    assert "learning_rate" in error.message


def test_a_model_that_is_gone_fails_the_job(home: Home) -> None:
    error = finish(home, order_tuning(home, "no-such-model", ROWS)).error
    assert error is not None
    assert (error.code, error.param) == ("unknown_model", "model")


def test_a_missing_tracker_is_a_warning(home: Home, tiny_base: Base) -> None:
    wish = {"type": "wandb", "wandb": {"project": "colours"}}
    job = finish(home, order_tuning(home, tiny_base, ROWS, integrations=[wish]))
    assert job.status == "succeeded"
    warnings = [event.message for event in list_events(home.database, job.id, limit=100).items if event.level == "warn"]
    assert any(text.startswith("tracking with wandb needs its library") for text in warnings)
