"""Python's `openai`, whose types check every answer: the tutorials' programs with nothing changed but the address."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import time
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest

from tests.support.clients import ALIAS, HELD_OUT_ROWS, JOB_SECONDS, SNAPSHOT, read_rows
from tests.support.whole_server import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai.types.fine_tuning import FineTuningJob

    from tests.support.clients import Tutorial

EPOCHS = 3
POLL_SECONDS = 0.2
HYPERPARAMETERS: Any = {"n_epochs": EPOCHS, "batch_size": "auto", "learning_rate_multiplier": "auto"}
FINISHED = ("succeeded", "failed", "cancelled")
OPTIONS: dict[str, Any] = {
    "_strict_response_validation": True,
    "max_retries": 0,
    "timeout": httpx2.Timeout(PATIENCE_SECONDS),
}


@pytest.fixture(scope="module")
def sdk(tutorial: Tutorial) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=tutorial.url, api_key=tutorial.key, **OPTIONS) as client:
        yield client


@pytest.fixture(scope="module")
def job(tutorial: Tutorial, sdk: openai.OpenAI) -> FineTuningJob:
    """The first tutorial's, when it has ended."""
    with tutorial.training_data.open("rb") as rows:
        file = sdk.files.create(file=rows, purpose="fine-tune")
    assert (file.filename, file.purpose, file.status) == ("training-data.jsonl", "fine-tune", "processed")
    job = sdk.fine_tuning.jobs.create(
        training_file=file.id, model=SNAPSHOT, hyperparameters=HYPERPARAMETERS, suffix="my-custom-model"
    )
    assert (job.status, job.training_file, job.hyperparameters.batch_size) == ("validating_files", file.id, "auto")

    def has_ended() -> bool:
        return sdk.fine_tuning.jobs.retrieve(job.id).status in FINISHED

    wait_until(has_ended, patience_seconds=JOB_SECONDS)
    return sdk.fine_tuning.jobs.retrieve(job.id)


def test_the_first_tutorial_ends_with_a_model_that_answers(sdk: openai.OpenAI, job: FineTuningJob) -> None:
    assert job.error is None
    assert job.status == "succeeded"
    name = str(job.fine_tuned_model)
    assert re.fullmatch(rf"ft:{SNAPSHOT}:luthier:my-custom-model:[0-9A-Za-z]{{8}}", name)
    assert isinstance(job.hyperparameters.batch_size, int)
    assert isinstance(job.hyperparameters.learning_rate_multiplier, int | float)
    assert name in [model.id for model in sdk.models.list()]
    answer = sdk.chat.completions.create(
        model=name,
        messages=[
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Your test prompt here"},
        ],
        max_tokens=40,
    )
    assert answer.model == name
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 40


def test_its_events_tell_the_whole_story(sdk: openai.OpenAI, job: FineTuningJob) -> None:
    events = [*sdk.fine_tuning.jobs.list_events(job.id, limit=5)][::-1]  # page by page, and the latest first
    assert len({event.id for event in events}) == len(events)
    told = [event.message for event in events if event.type == "message" and event.level == "info"]
    assert told[:4] == [
        f"Created fine-tuning job: {job.id}",
        f"Validating training file: {job.training_file}",
        "Files validated, moving job to queued state",
        "Fine-tuning job started",
    ]
    assert told[-2:] == [f"New fine-tuned model created: {job.fine_tuned_model}", "The job has successfully completed"]
    steps: list[Any] = [event.data for event in events if event.type == "metrics"]
    assert [step["step"] for step in steps] == list(range(1, steps[0]["total_steps"] + 1))
    assert steps[-1]["train_loss"] < steps[0]["train_loss"]


def test_its_checkpoints_are_models_too(sdk: openai.OpenAI, job: FineTuningJob) -> None:
    checkpoints = [*sdk.fine_tuning.jobs.checkpoints.list(job.id, limit=2)]
    steps = [checkpoint.step_number for checkpoint in checkpoints]
    assert len(steps) == EPOCHS
    assert steps == sorted(steps, reverse=True)
    assert checkpoints[0].fine_tuned_model_checkpoint == job.fine_tuned_model
    first = checkpoints[-1].fine_tuned_model_checkpoint
    assert first.endswith(f":ckpt-step-{steps[-1]}")
    assert say_order(sdk, first) != ""
    assert sdk.models.retrieve(first).id == first


def test_its_result_file_has_a_line_for_each_step(sdk: openai.OpenAI, job: FineTuningJob) -> None:
    [result] = job.result_files
    assert sdk.files.retrieve(result).purpose == "fine-tune-results"
    lines = [*csv.DictReader(io.StringIO(sdk.files.content(result).text))]
    assert [*lines[0]] == ["step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy"]
    last = int(lines[-1]["step"])
    assert [int(line["step"]) for line in lines] == list(range(1, last + 1))
    assert float(lines[-1]["train_loss"]) < float(lines[0]["train_loss"])


def test_its_end_is_told_to_the_webhook(
    tutorial: Tutorial, job: FineTuningJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_heard() -> list[Any]:
        return [heard for heard in tutorial.webhooks.heard if job.id.encode() in heard.body]

    wait_until(lambda: len(find_heard()) > 0)
    [heard] = find_heard()
    # The client refuses what is older than five minutes, and other tests may have taken their time.
    monkeypatch.setattr(time, "time", lambda: float(heard.headers["webhook-timestamp"]))
    with openai.OpenAI(api_key="none", webhook_secret=tutorial.webhook_secret) as receiver:
        event = receiver.webhooks.unwrap(heard.body, heard.headers)
    assert (event.type, event.data.id) == ("fine_tuning.job.succeeded", job.id)


def test_the_second_tutorial_compares_tuned_and_base(tutorial: Tutorial) -> None:
    async def follow_it() -> None:
        async with openai.AsyncOpenAI(base_url=tutorial.url, api_key=tutorial.key, **OPTIONS) as sdk:
            file = await sdk.files.create(file=tutorial.training_data, purpose="fine-tune")
            held_out = await sdk.files.create(file=tutorial.held_out, purpose="fine-tune")
            job = await sdk.fine_tuning.jobs.create(
                training_file=file.id,
                validation_file=held_out.id,
                model=SNAPSHOT,
                method={"type": "supervised", "supervised": {"hyperparameters": HYPERPARAMETERS}},
                seed=1,
                suffix="json-extractor-v1",
            )
            async with asyncio.timeout(JOB_SECONDS):
                while (job := await sdk.fine_tuning.jobs.retrieve(job.id)).status not in FINISHED:
                    await asyncio.sleep(POLL_SECONDS)
            assert (job.status, job.error) == ("succeeded", None)
            assert ":luthier:json-extractor-v1:" in str(job.fine_tuned_model)
            answers = [
                await asyncio.gather(
                    *[say_next(sdk, model, row["messages"][:-1]) for row in read_rows(tutorial.held_out)]
                )
                for model in (str(job.fine_tuned_model), ALIAS)
            ]
            assert all(len(said) == len(HELD_OUT_ROWS) for said in answers)
            assert all(said.startswith("{") for said in answers[0])  # which it has learnt
            assert not any(said.startswith("{") for said in answers[1])
            events = [event async for event in sdk.fine_tuning.jobs.list_events(job.id, limit=10)]
            assert events[0].message == "The job has successfully completed"
            assert events[-1].message == f"Created fine-tuning job: {job.id}"
            last = next(event for event in events if event.type == "metrics")
            assert re.search(r"training loss=\d.*, validation loss=\d.*, full validation loss=\d", last.message)

    asyncio.run(follow_it())


async def say_next(sdk: openai.AsyncOpenAI, model: str, messages: list[Any]) -> str:
    answer = await sdk.chat.completions.create(model=model, messages=messages, temperature=0, max_tokens=30)
    return str(answer.choices[0].message.content)


def say_order(sdk: openai.OpenAI, model: str) -> str:
    messages: Any = [{"role": "user", "content": "Extract: Zoe ordered 2 lamps."}]
    answer = sdk.chat.completions.create(model=model, messages=messages, temperature=0, max_tokens=20)
    return str(answer.choices[0].message.content)
