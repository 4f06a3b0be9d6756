"""Jobs as orders: auto becomes numbers, a multiplier multiplies, and a second attempt gets the same order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from luthier.jobs.job import JobError
from luthier.pipeline.fine_tuning import order
from luthier.pipeline.fine_tuning.files import JobData, read_files
from luthier.pipeline.fine_tuning.order import JobPlan, order_job, plan_job
from tests.support.fine_tuning import order_tuning, write_chats, write_rows
from tests.support.tiny import CONTEXT_LENGTH

if TYPE_CHECKING:
    from luthier.jobs.job import Job
    from luthier.models.catalog import Base
    from luthier.pipeline.fine_tuning.order import JobOrder
    from luthier.store.home import Home

AUTO = {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}
ROWS = write_chats(40)


def build(home: Home, job: Job) -> JobOrder:
    return order_job(home, job, read(home, job))


def read(home: Home, job: Job) -> JobData:
    data = read_files(home, job)
    assert isinstance(data, JobData)
    return data


def build_anew(home: Home, base: Base, **asked: Any) -> JobOrder:
    return build(home, order_tuning(home, base, ROWS, hyperparameters={**AUTO, **asked}))


def test_auto_becomes_what_luthier_would_choose(home: Home, tiny_base: Base) -> None:
    found = build_anew(home, tiny_base)
    assert found.hyperparameters == {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.0}
    config = found.run.config
    assert (config.epochs, config.batch_size, config.seed) == (3, 4, 7)
    assert (config.keeps, config.kept_epochs, config.overlong) == ("last", 2, "drop")


def test_the_multiplier_is_of_luthier_s_own_rate(home: Home, tiny_base: Base) -> None:
    own = build_anew(home, tiny_base).run.config.learning_rate
    doubled = build_anew(home, tiny_base, learning_rate_multiplier=2)
    assert doubled.run.config.learning_rate == pytest.approx(2 * own)
    assert doubled.hyperparameters["learning_rate_multiplier"] == 2


def test_what_is_asked_for_is_what_is_done(home: Home, tiny_base: Base) -> None:
    config = build_anew(home, tiny_base, n_epochs=5, batch_size=8).run.config
    assert (config.epochs, config.batch_size) == (5, 8)


def test_a_second_attempt_has_the_same_order_whatever_memory_is_free_then(
    home: Home, tiny_base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = order_tuning(home, tiny_base, ROWS, hyperparameters=AUTO)
    first = build(home, job).run
    machine = order.find_machine()._replace(free_bytes=1)
    monkeypatch.setattr(order, "find_machine", lambda: machine)
    another = build(home, order_tuning(home, tiny_base, ROWS, hyperparameters=AUTO, seed=8)).run
    assert another.config.micro_batch_tokens < first.config.micro_batch_tokens
    assert build(home, job).run.id == first.id


def test_a_job_saves_itself_about_twenty_times(home: Home, tiny_base: Base) -> None:
    assert build_anew(home, tiny_base, n_epochs=4, batch_size=1).run.config.checkpoint_steps == 8
    assert build_anew(home, tiny_base, n_epochs=50, batch_size=1).run.config.checkpoint_steps == 50
    assert build_anew(home, tiny_base, n_epochs=1, batch_size=10).run.config.checkpoint_steps == 1


def lengthen(content: bytes, lines: list[int]) -> bytes:
    rows = [json.loads(line) for line in content.splitlines()]
    for line in lines:
        rows[line - 1]["messages"][1]["content"] += "x" * CONTEXT_LENGTH
    return write_rows(rows)


def test_rows_that_are_too_long_are_left_out_and_named(home: Home, tiny_base: Base) -> None:
    job = order_tuning(home, tiny_base, lengthen(write_chats(12), [3, 11]))
    data = read(home, job)
    plan = plan_job(order_job(home, job, data), data)
    assert isinstance(plan, JobPlan)
    assert len(plan.plan.train) == 10
    assert plan.warnings == (f"2 train examples are longer than {CONTEXT_LENGTH} tokens and are left out: lines 3, 11",)


def test_rows_of_which_too_few_fit_fail_the_job(home: Home, tiny_base: Base) -> None:
    job = order_tuning(home, tiny_base, lengthen(write_chats(12), [3, 4, 5]))
    data = read(home, job)
    error = plan_job(order_job(home, job, data), data)
    assert isinstance(error, JobError)
    assert error.code == "invalid_training_file"
    assert "Only 9 of its examples fit into the 1024 tokens" in error.message


def test_rows_that_teach_nothing_fail_the_job_with_their_lines(home: Home, tiny_base: Base) -> None:
    rows = [json.loads(line) for line in write_chats(12).splitlines()]
    rows[4]["messages"][2]["weight"] = 0
    job = order_tuning(home, tiny_base, write_chats(12), write_rows(rows))
    data = read_files(home, job)
    error = plan_job(order_job(home, job, data), data) if isinstance(data, JobData) else data
    assert isinstance(error, JobError)
    assert (error.code, error.param) == ("invalid_validation_file", "validation_file")
    assert "held-out.jsonl:5: " in error.message
