"""Commands work with a server as they do with this machine: jobs, models, chats and files go there and come back."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from luthier.jobs.job import JobError
from luthier.jobs.liveness import identify_process
from luthier.jobs.queue import claim_next, register_worker
from tests.support.api import build_api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from luthier.jobs.hold import Hold
    from luthier.store.database import Database
    from tests.cli.conftest import Call
    from tests.support.api import Api

MODEL = "ft:smollm2-135m:luthier:mine:a1B2c3D4"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    api = build_api(tmp_path / "elsewhere")
    yield api
    api.home.database.close()


@pytest.fixture
def far(api: Api, call: Call, monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """As `call`, with a server that stands elsewhere."""
    with api.listen() as address:
        monkeypatch.setenv("LUTHIER_SERVER", address)
        monkeypatch.setenv("LUTHIER_SERVER_KEY", api.key)
        yield call


@contextmanager
def working(db: Database, end: Callable[[Hold], None]) -> Iterator[None]:
    """Beside the block, somebody claims the first job, says that it runs, and ends it."""
    is_over = threading.Event()

    def work() -> None:
        worker = register_worker(db, identify_process())
        while not is_over.wait(0.02):
            claim = claim_next(db, worker)
            if claim is not None:
                claim.hold.move_to_queue()
                numbers = {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.0}
                claim.hold.start_running(hyperparameters=numbers, run_id="run-1")
                claim.hold.add_checkpoint(2, f"{MODEL}:ckpt-step-2", {"step": 2, "train_loss": 0.5})
                end(claim.hold)
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def succeed(hold: Hold) -> None:
    hold.succeed(fine_tuned_model=MODEL, trained_tokens=1234, result_file=None)


def fail(hold: Hold) -> None:
    hold.fail(JobError("invalid_training_file", "line 3: the last message is from user", "training_file"))


def test_a_job_is_made_followed_and_shown_at_a_server(far: Call, api: Api, orders: Path) -> None:
    with working(api.home.database, succeed):
        done = far("tune", orders, "--name", "mine", "--set", "epochs=3", "--set", "seed=7", "--json")
    assert done.code == 0
    assert done.document["fine_tuned_model"] == MODEL
    assert [line.split(" ", 1)[1] for line in done.err.splitlines()] == [
        f"Created fine-tuning job: {done.document['id']}",
        f"Validating training file: {done.document['training_file']}",
        "Files validated, moving job to queued state",
        "Fine-tuning job started",
        f"Checkpoint created at step 2 with Snapshot ID: {MODEL}:ckpt-step-2",
        f"New fine-tuned model created: {MODEL}",
        "The job has successfully completed",
    ]
    assert far("jobs", "list", "--json").document["jobs"] == [done.document]
    shown = far("jobs", "show", done.document["id"])
    assert f"{MODEL}, from 1,234 trained tokens" in shown.out
    assert f"step 2: {MODEL}:ckpt-step-2" in shown.out
    assert far("jobs", "follow", done.document["id"], "--json").document == done.document
    events = far("jobs", "events", done.document["id"], "--json").document["events"]
    assert events[0]["message"] == f"Created fine-tuning job: {done.document['id']}"


def test_a_split_sends_its_train_and_validation_rows_and_never_its_test_rows(
    far: Call, api: Api, orders: Path, tmp_path: Path
) -> None:
    far("split", orders, "--out", tmp_path / "split")
    with working(api.home.database, succeed):
        job = far("tune", tmp_path / "split", "--json").document
    with api.open_client() as client:
        sent = {
            name: client.get(f"/v1/files/{job[name]}/content").text for name in ("training_file", "validation_file")
        }
        assert len(client.get("/v1/files").json()["data"]) == 2
    assert sent["training_file"] == (tmp_path / "split" / "train.jsonl").read_text()
    assert sent["validation_file"] == (tmp_path / "split" / "validation.jsonl").read_text()


def test_a_job_that_fails_says_why_and_ends_with_1(far: Call, api: Api, orders: Path) -> None:
    with working(api.home.database, fail):
        done = far("tune", orders)
    assert done.code == 1
    assert "invalid_training_file: line 3: the last message is from user" in done.out


def test_a_waiting_job_can_be_paused_resumed_and_cancelled(far: Call, api: Api, orders: Path) -> None:
    with api.open_client() as client:
        file = client.post(
            "/v1/files", files={"file": ("a.jsonl", orders.read_bytes())}, data={"purpose": "fine-tune"}
        ).json()["id"]
        body = {"model": "smollm2-135m", "training_file": file}
        job = client.post("/v1/fine_tuning/jobs", json=body).json()["id"]
    assert far("jobs", "pause", job).out == f"{job}: paused\n"
    assert far("jobs", "pause", job).code == 2
    assert far("jobs", "resume", job).out == f"{job}: validating_files\n"
    assert far("jobs", "cancel", job).out == f"{job}: cancelled\n"
    refused = far("jobs", "resume", job)
    assert (refused.code, "cancelled" in refused.err) == (2, True)


def test_without_a_server_the_jobs_of_this_machine_are_meant(
    call: Call, api: Api, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with api.open_client() as client:
        file = client.post(
            "/v1/files", files={"file": ("a.jsonl", orders.read_bytes())}, data={"purpose": "fine-tune"}
        ).json()["id"]
        job = client.post("/v1/fine_tuning/jobs", json={"model": "smollm2-135m", "training_file": file}).json()["id"]
    assert call("jobs", "list").out == "no jobs yet\n"
    monkeypatch.setenv("LUTHIER_HOME", str(api.home.path))
    (listed,) = call("jobs", "list", "--json").document["jobs"]
    assert listed["id"] == job
    with working(api.home.database, succeed):
        assert call("jobs", "follow", job).code == 0
    assert call("jobs", "show", job, "--json").document["fine_tuned_model"] == MODEL
    assert call("jobs", "cancel", job).code == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--probe",), "a job on a server has no --probe"),
        (("--processes", "2"), "a job on a server has no --processes"),
        (("--set", "lora_alpha=3"), "a job on a server has no setting 'lora_alpha'"),
        (("--set", "method=ppo"), "a job on a server has no method 'ppo'"),
    ],
)
def test_what_a_job_cannot_be_told_is_refused_before_anything_is_sent(
    far: Call, api: Api, orders: Path, arguments: tuple[str, ...], says: str
) -> None:
    refused = far("tune", orders, *arguments)
    assert (refused.code, says in refused.err) == (2, True)
    with api.open_client() as client:
        assert client.get("/v1/files").json()["data"] == []


def test_a_model_of_a_server_answers(far: Call) -> None:
    answered = far("chat", "smollm2-135m", "--message", "good morning", "--json").document
    assert answered["content"] == "You said: good morning"


def test_models_of_a_server_are_measured(far: Call, orders: Path, tmp_path: Path) -> None:
    test = tmp_path / "test.jsonl"
    rows = [json.loads(line) for line in orders.read_text().splitlines()[:3]]
    for row in rows:
        row["messages"][-1]["content"] = f"You said: {row['messages'][-2]['content']}"
    test.write_text("".join(json.dumps(row) + "\n" for row in rows))
    measured = far("eval", "--model", "smollm2-135m", "--data", test, "--json").document
    (model,) = measured["models"].values()
    assert model["passed"] == 3


def test_what_a_server_keeps_is_listed_and_shown_as_at_home(
    tuned_home: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = [("models",), ("runs",), ("show", "tiny-orders"), ("lineage", "tiny-orders")]
    api = build_api(tuned_home)
    monkeypatch.setenv("LUTHIER_HOME", str(tuned_home))
    at_home = [call(*command, "--json").document for command in commands]
    monkeypatch.setenv("LUTHIER_HOME", str(tuned_home / "nowhere"))
    monkeypatch.setenv("LUTHIER_SERVER_KEY", api.key)
    with api.listen() as address:
        assert [call(*command, "--server", address, "--json").document for command in commands] == at_home
        assert call("show", "nothing", "--server", address).code == 2
    api.home.database.close()


def test_a_wrong_key_and_a_server_that_is_away_are_said(far: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTHIER_SERVER_KEY", "sk-wrong")
    refused = far("jobs", "list")
    assert (refused.code, "LUTHIER_SERVER_KEY" in refused.err) == (2, True)
    assert far("jobs", "list", "--server", "ftp://host").code == 2
    monkeypatch.delenv("LUTHIER_SERVER_KEY")
    assert "there is no key for https://example.com" in far("jobs", "list", "--server", "https://example.com").err
