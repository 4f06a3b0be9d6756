"""Fine-tuning jobs through the official SDK, from their creation to their end."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import openai
import pytest
from pydantic import TypeAdapter

from luthier.jobs.job import JobError
from luthier.models.public_names import PublicNames
from luthier.server.openai.schema.page import LARGEST_PAGE, Limit
from luthier.store.user_files.shelf import keep_file
from tests.support.api import build_api
from tests.support.jobs import claim
from tests.support.tuned import register_tuned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openai.types.fine_tuning import FineTuningJob

    from luthier.jobs.hold import Hold
    from tests.support.api import Api

BASE = "gpt-4o-mini-2024-07-18"
TUNED = f"ft:{BASE}:acme:sfx:aaaaaaaa"
CHECKPOINT = f"ft:{BASE}:acme:sfx:bbbbbbbb:ckpt-step-3"

REFUSALS: list[tuple[dict[str, Any], str | None, str | None]] = [
    ({"method": {"type": "reinforcement", "reinforcement": {"grader": {}}}}, "method.type", "unsupported_value"),
    ({"method": {"type": "supervised", "dpo": {}}}, "method.dpo", "invalid_value"),
    ({"method": {"type": "magic"}}, "method.type", "invalid_value"),
    ({"method": {"type": "dpo"}, "hyperparameters": {"n_epochs": 1}}, "hyperparameters", "invalid_value"),
    ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs", None),
    ({"hyperparameters": {"batch_size": "big"}}, "hyperparameters.batch_size", None),
    ({"hyperparameters": {"learning_rate_multiplier": 0}}, "hyperparameters.learning_rate_multiplier", None),
    ({"hyperparameters": {"warmup": 1}}, "hyperparameters.warmup", "unknown_parameter"),
    ({"suffix": "x" * 65}, "suffix", None),
    ({"suffix": ""}, "suffix", None),
    ({"seed": -1}, "seed", None),
    ({"seed": 2**31}, "seed", None),
    ({"metadata": {"k" * 65: "v"}}, None, None),
    ({"metadata": {"k": "v" * 513}}, "metadata.k", None),
    ({"metadata": {str(number): "" for number in range(17)}}, "metadata", None),
    ({"metadata": {"k": "nul\0"}}, "metadata.k", "invalid_value"),
    ({"integrations": [{"type": "mlflow", "wandb": {"project": "p"}}]}, "integrations[0].type", None),
    ({"integrations": [{"type": "wandb", "wandb": {}}]}, "integrations[0].wandb.project", None),
    ({"extra_body": {"priority": "high"}}, "priority", "unknown_parameter"),
]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    api = build_api(tmp_path / "home", aliases={BASE: "smollm2-135m"}, organization="acme")
    yield api
    api.home.database.close()


@pytest.fixture
def rows(api: Api) -> str:
    return keep_file(api.home, b"{}\n", filename="rows.jsonl", purpose="fine-tune").id


@pytest.fixture
def job(sdk: openai.OpenAI, rows: str) -> FineTuningJob:
    return sdk.fine_tuning.jobs.create(model=BASE, training_file=rows)


def start_training(api: Api, **hyperparameters: Any) -> Hold:
    """As the worker and its trainer do it."""
    hold = claim(api.home.database).hold
    hold.move_to_queue()
    chosen = {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.8}
    hold.start_running(hyperparameters={**chosen, **hyperparameters}, run_id="run-1")
    return hold


def refused(sdk: openai.OpenAI, **changes: Any) -> openai.APIStatusError:
    """What a job that is wanted with `changes` is refused with."""
    with pytest.raises(openai.APIStatusError) as caught:
        sdk.fine_tuning.jobs.create(**{"model": BASE, **changes})
    return caught.value


def test_a_new_job_says_what_was_asked_for_and_what_stands_behind_it(sdk: openai.OpenAI, rows: str) -> None:
    job = sdk.fine_tuning.jobs.create(
        model="gpt-4o-mini",
        training_file=rows,
        validation_file=rows,
        suffix="my-custom-model",
        seed=7,
        metadata={"team": "support"},
        method={
            "type": "supervised",
            "supervised": {
                "hyperparameters": {"n_epochs": 3, "batch_size": "auto", "learning_rate_multiplier": "auto"}
            },
        },
        integrations=[{"type": "wandb", "wandb": {"project": "orders", "tags": ["a"], "name": None}}],
    )
    plain = job.model_dump()
    assert plain["method"]["supervised"]["hyperparameters"] == plain["hyperparameters"]
    assert plain["hyperparameters"] == {"n_epochs": 3, "batch_size": "auto", "learning_rate_multiplier": "auto"}
    assert plain["integrations"][0]["wandb"]["run_id"] == job.id
    expected = {
        "model": BASE,
        "base_model": "smollm2-135m",
        "organization_id": "org-acme",
        "status": "validating_files",
        "training_file": rows,
        "validation_file": rows,
        "user_provided_suffix": "my-custom-model",
        "seed": 7,
        "metadata": {"team": "support"},
        "error": None,
        "fine_tuned_model": None,
        "finished_at": None,
        "trained_tokens": None,
        "result_files": [],
    }
    assert {name: plain[name] for name in expected} == expected
    assert sdk.fine_tuning.jobs.retrieve(job.id) == job


def test_explicit_nulls_mean_what_leaving_out_means(sdk: openai.OpenAI, rows: str) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("validation_file", "suffix", "seed", "metadata", "integrations", "method", "hyperparameters")
    )
    job = sdk.fine_tuning.jobs.create(model=BASE, training_file=rows, **nothing)
    assert job.method is not None
    assert (job.method.type, job.metadata, job.hyperparameters.n_epochs) == ("supervised", None, "auto")


def test_the_older_place_of_hyperparameters_still_counts(sdk: openai.OpenAI, rows: str) -> None:
    job = sdk.fine_tuning.jobs.create(
        model=BASE, training_file=rows, hyperparameters={"n_epochs": 2, "learning_rate_multiplier": 0.5}
    )
    assert (job.hyperparameters.n_epochs, job.hyperparameters.learning_rate_multiplier) == (2, 0.5)


def test_a_preference_job_has_its_own_hyperparameters(sdk: openai.OpenAI, rows: str) -> None:
    job = sdk.fine_tuning.jobs.create(
        model=BASE, training_file=rows, method={"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}}
    )
    assert job.method is not None
    assert job.method.dpo is not None
    assert job.method.dpo.hyperparameters is not None
    assert (job.method.dpo.hyperparameters.beta, job.method.dpo.hyperparameters.n_epochs) == (0.1, "auto")


def test_training_goes_on_from_a_tuned_model_or_checkpoint(sdk: openai.OpenAI, api: Api, rows: str) -> None:
    register_tuned(api.home, "earlier")
    PublicNames(api.home).publish(CHECKPOINT, "earlier", None)
    job = sdk.fine_tuning.jobs.create(model=CHECKPOINT, training_file=rows)
    assert (job.model, job.model_dump()["base_model"]) == (CHECKPOINT, "earlier")


def test_where_a_base_lies_on_the_disk_is_not_told(tmp_path: Path) -> None:
    folder = tmp_path / "secret-place" / "weights"
    folder.mkdir(parents=True)
    api = build_api(tmp_path / "home", aliases={"local": str(folder)})
    rows = keep_file(api.home, b"{}\n", filename="rows.jsonl", purpose="fine-tune").id
    with api.open_client() as client:
        answer = client.post("/v1/fine_tuning/jobs", json={"model": "local", "training_file": rows})
    assert answer.json()["base_model"] == "weights"
    assert "secret-place" not in answer.text
    api.home.database.close()


def test_a_request_that_is_sent_again_makes_no_second_job(sdk: openai.OpenAI, rows: str) -> None:
    again = {"x-stainless-retry-count": "1"}
    first = sdk.fine_tuning.jobs.create(model=BASE, training_file=rows, suffix="a")
    assert sdk.fine_tuning.jobs.create(model=BASE, training_file=rows, suffix="a", extra_headers=again).id == first.id
    assert sdk.fine_tuning.jobs.create(model=BASE, training_file=rows, suffix="b", extra_headers=again).id != first.id
    assert sdk.fine_tuning.jobs.create(model=BASE, training_file=rows, suffix="a").id != first.id


def test_what_another_key_has_asked_for_is_no_repeat(api: Api, rows: str) -> None:
    body = {"model": BASE, "training_file": rows}
    again = {"x-stainless-retry-count": "1"}
    with api.open_client() as one, api.open_client(api.create_key("member")) as other:
        first = one.post("/v1/fine_tuning/jobs", json=body, headers=again).json()["id"]
        assert one.post("/v1/fine_tuning/jobs", json=body, headers=again).json()["id"] == first
        assert other.post("/v1/fine_tuning/jobs", json=body, headers=again).json()["id"] != first


def test_a_retry_count_that_is_none_is_no_repeat(api: Api, rows: str) -> None:
    body = {"model": BASE, "training_file": rows}
    with api.open_client() as client:
        for count in ("", "-1", "one", "9" * 6000, "１"):
            headers = [(b"x-stainless-retry-count", count.encode())]
            ids = {client.post("/v1/fine_tuning/jobs", json=body, headers=headers).json()["id"] for _ in range(2)}
            assert len(ids) == 2, count


def test_jobs_are_listed_the_latest_first_page_by_page(sdk: openai.OpenAI, rows: str) -> None:
    ids = [sdk.fine_tuning.jobs.create(model=BASE, training_file=rows).id for _ in range(5)]
    assert [job.id for job in sdk.fine_tuning.jobs.list(limit=2)] == ids[::-1]
    page = sdk.fine_tuning.jobs.list(limit=2, after=ids[3])
    assert ([job.id for job in page.data], page.has_more) == ([ids[2], ids[1]], True)
    assert len(sdk.fine_tuning.jobs.list(limit=10**9).data) == 5
    assert TypeAdapter(Limit).validate_python(10**9) == LARGEST_PAGE


def test_jobs_are_found_by_their_metadata(sdk: openai.OpenAI, api: Api, rows: str) -> None:
    kinds: dict[str, dict[str, str] | None] = {
        "both": {"team": "a", "stage": ""},
        "other": {"team": "b", "odd.'\"key": "x"},
        "none": None,
    }
    ids = {
        kind: sdk.fine_tuning.jobs.create(model=BASE, training_file=rows, metadata=metadata).id
        for kind, metadata in kinds.items()
    }

    def find(**query: Any) -> set[str]:
        return {job.id for job in sdk.fine_tuning.jobs.list(**query)}

    assert find(metadata={"team": "a"}) == {ids["both"]}
    assert find(metadata={"team": "a", "stage": ""}) == {ids["both"]}
    assert find(metadata={"odd.'\"key": "x"}) == {ids["other"]}
    assert find(metadata={"team": "c"}) == set()
    assert find() == set(ids.values())
    for null in ("null", ""):
        assert find(extra_query={"metadata": null}) == {ids["none"]}
    with api.open_client() as client:
        assert client.get("/v1/fine_tuning/jobs?metadata=team").status_code == 400


def test_a_running_job_shows_the_numbers_that_auto_became(sdk: openai.OpenAI, api: Api, job: FineTuningJob) -> None:
    start_training(api)
    running = sdk.fine_tuning.jobs.retrieve(job.id)
    assert running.status == "running"
    assert running.hyperparameters.model_dump() == {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.8}
    assert running.method is not None
    assert running.method.supervised is not None
    assert running.method.supervised.hyperparameters is not None
    assert running.method.supervised.hyperparameters.n_epochs == 3


def test_a_job_that_succeeded_names_its_model_results_and_checkpoints(
    sdk: openai.OpenAI, api: Api, job: FineTuningJob
) -> None:
    hold = start_training(api)
    metrics = {"step": 3, "train_loss": 0.5, "train_mean_token_accuracy": 1, "full_valid_loss": 0.25}
    hold.add_checkpoint(3, CHECKPOINT, metrics)
    hold.add_checkpoint(6, TUNED, {**metrics, "step": 6}, is_final=True)
    hold.add_event("info", "Step 6/6: training loss=0.50", type="metrics", data=metrics, id_from="step-6")
    hold.succeed(fine_tuned_model=TUNED, trained_tokens=1234, result_file="file-result")
    ended = sdk.fine_tuning.jobs.retrieve(job.id)
    assert (ended.status, ended.fine_tuned_model, ended.trained_tokens) == ("succeeded", TUNED, 1234)
    assert (ended.result_files, ended.error) == (["file-result"], None)
    assert ended.finished_at is not None
    last, first = sdk.fine_tuning.jobs.checkpoints.list(job.id, limit=1)
    assert (last.fine_tuned_model_checkpoint, last.step_number) == (TUNED, 6)
    assert (first.fine_tuned_model_checkpoint, first.fine_tuning_job_id) == (CHECKPOINT, job.id)
    assert (first.metrics.full_valid_loss, first.metrics.valid_loss) == (0.25, None)
    messages = [event.message for event in sdk.fine_tuning.jobs.list_events(job.id, limit=2)]
    assert messages[0] == "The job has successfully completed"
    assert messages[-1] == f"Created fine-tuning job: {job.id}"
    [metric] = [event for event in sdk.fine_tuning.jobs.list_events(job.id) if event.type == "metrics"]
    assert metric.data == metrics


def test_a_page_of_checkpoints_says_where_it_begins_and_ends(sdk: openai.OpenAI, api: Api, job: FineTuningJob) -> None:
    hold = start_training(api)
    for step in (3, 6, 9):
        hold.add_checkpoint(step, f"{CHECKPOINT}{step}", {"step": step})
    with api.open_client() as client:
        page = client.get(f"/v1/fine_tuning/jobs/{job.id}/checkpoints?limit=2").json()
        assert [each["step_number"] for each in page["data"]] == [9, 6]
        assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][1]["id"])
        assert page["has_more"] is True
        rest = client.get(f"/v1/fine_tuning/jobs/{job.id}/checkpoints?after={page['last_id']}").json()
        assert ([each["step_number"] for each in rest["data"]], rest["has_more"]) == ([3], False)


def test_a_job_that_failed_says_why(sdk: openai.OpenAI, api: Api, job: FineTuningJob) -> None:
    message = "Training file has 7 example(s), but must have at least 10 examples"
    claim(api.home.database).hold.fail(JobError("invalid_n_examples", message, "training_file"))
    failed = sdk.fine_tuning.jobs.retrieve(job.id)
    assert failed.error is not None
    assert (failed.error.code, failed.error.param) == ("invalid_n_examples", "training_file")
    assert (failed.error.message, failed.status, failed.fine_tuned_model) == (message, "failed", None)
    assert next(iter(sdk.fine_tuning.jobs.list_events(job.id))).level == "error"


def test_a_cancelled_job_has_ended_and_cannot_be_changed(sdk: openai.OpenAI, job: FineTuningJob) -> None:
    """A 409 would be sent again by the SDK."""
    assert sdk.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    for change in (sdk.fine_tuning.jobs.cancel, sdk.fine_tuning.jobs.pause, sdk.fine_tuning.jobs.resume):
        with pytest.raises(openai.BadRequestError) as caught:
            change(job.id)
        assert caught.value.code == "invalid_state"


def test_a_job_is_paused_and_goes_on(sdk: openai.OpenAI, job: FineTuningJob) -> None:
    """The SDK's type does not know `paused`, which only a client that checks all answers minds."""
    lenient = sdk.with_options(_extra_kwargs={"_strict_response_validation": False})
    assert lenient.fine_tuning.jobs.pause(job.id).status == "paused"
    assert sdk.fine_tuning.jobs.resume(job.id).status == "validating_files"
    assert sdk.fine_tuning.jobs.list().data[0].id == job.id


def test_an_unknown_job_is_not_found_by_any_route(api: Api, job: FineTuningJob) -> None:
    with api.open_client() as client:
        for path in ("", "/events", "/checkpoints"):
            assert client.get(f"/v1/fine_tuning/jobs/ftjob-none{path}").status_code == 404
        for verb in ("cancel", "pause", "resume"):
            assert client.post(f"/v1/fine_tuning/jobs/ftjob-none/{verb}").status_code == 404
        for path in ("", f"/{job.id}/events", f"/{job.id}/checkpoints"):
            assert client.get(f"/v1/fine_tuning/jobs{path}?after=none").status_code == 404


def test_an_unknown_model_is_refused_as_everywhere(sdk: openai.OpenAI, rows: str) -> None:
    error = refused(sdk, training_file=rows, model="gpt-5")
    assert (error.status_code, error.code, error.param) == (404, "model_not_found", "model")


def test_a_file_must_be_there_and_be_meant_for_training(sdk: openai.OpenAI, api: Api, rows: str) -> None:
    other = keep_file(api.home, b"{}\n", filename="rows.jsonl", purpose="batch").id
    wrongs = ("foobar", "file-000000000000000000000000", other)
    for name, wrong in itertools.product(("training_file", "validation_file"), wrongs):
        error = refused(sdk, **{"training_file": rows, name: wrong})
        assert (error.status_code, error.param) == (400, name)
        assert f"invalid {name}: {wrong}" in str(error)


def test_what_cannot_be_done_is_refused_and_named(sdk: openai.OpenAI, rows: str) -> None:
    for changes, param, code in REFUSALS:
        error = refused(sdk, training_file=rows, **changes)
        assert error.status_code == 400, changes
        assert param is None or error.param == param, changes
        assert code is None or error.code == code, changes
    assert not sdk.fine_tuning.jobs.list().data


def test_a_member_runs_jobs_and_a_rater_does_not(api: Api, rows: str) -> None:
    body = {"model": BASE, "training_file": rows}
    with api.open_client(api.create_key("member")) as member:
        assert member.post("/v1/fine_tuning/jobs", json=body).status_code == 200
    with api.open_client(api.create_key("rater")) as rater:
        assert rater.post("/v1/fine_tuning/jobs", json=body).status_code == 403
        assert rater.get("/v1/fine_tuning/jobs").status_code == 403
