"""Health is told to everybody and in names alone; numbers are told to members."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from luthier.jobs.desk import create_job
from luthier.jobs.job import JobDraft
from luthier.server.services import Check
from luthier.store.tables import JobEventRow, JobRow
from tests.support.api import build_api

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from starlette.testclient import TestClient

    from tests.support.api import Api


def test_a_server_that_lacks_nothing_is_ready(client: TestClient) -> None:
    assert client.get("/readyz").json() == {"status": "ok", "checks": {"database": "ok"}}


def test_a_server_that_lacks_something_says_what_but_not_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checks = (Check("engine", lambda: "pid 17 died"), Check("worker", lambda: None))
    api = build_api(tmp_path, checks=checks)
    with api.open_client("") as client:
        answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == {
        "status": "unavailable",
        "checks": {"database": "ok", "engine": "unavailable", "worker": "ok"},
    }
    assert "engine: pid 17 died" in caplog.text
    api.home.database.close()


def test_a_lost_database_stops_readiness_but_not_life(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    path = api.home.path / "luthier.db"
    with api.open_client() as client:
        assert client.get("/readyz").status_code == 200
        api.home.database.close()
        path.rename(path.with_suffix(".away"))
        path.mkdir()
        caplog.set_level(logging.WARNING)
        assert client.get("/readyz").json()["checks"] == {"database": "unavailable"}
        assert client.get("/healthz").status_code == 200
        path.rmdir()
        path.with_suffix(".away").rename(path)
        assert client.get("/readyz").status_code == 200


def _read_numbers(client: TestClient) -> dict[tuple[str, str], float]:
    """By name and the values of the labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, " ".join(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_prometheus_reads_how_chats_and_requests_went(api: Api, client: TestClient) -> None:
    metrics = api.services.metrics
    for seconds in (0.2, 40.0):
        metrics.count_chat(
            "m", outcome="stop", seconds=seconds, first_token_seconds=0.03, prompt_tokens=7, completion_tokens=5
        )
    metrics.count_chat("m", outcome="cancelled", seconds=1.0)
    client.get("/v1/models")
    with metrics.track_chat():
        numbers = _read_numbers(client)
    assert numbers["luthier_chats_total", "m stop"] == 2
    assert numbers["luthier_chats_total", "m cancelled"] == 1
    assert (numbers["luthier_prompt_tokens_total", "m"], numbers["luthier_completion_tokens_total", "m"]) == (14, 10)
    assert numbers["luthier_first_token_seconds_count", "m"] == 2
    assert numbers["luthier_chat_seconds_bucket", "30.0 m"] == 2
    assert numbers["luthier_requests_total", "GET /v1/models 200"] == 1
    assert (numbers["luthier_open_chats", ""], numbers["luthier_open_requests", ""]) == (1, 1)
    assert numbers["luthier_api_process_open_fds", ""] > 0


def test_prometheus_reads_the_queue_and_the_loss_of_running_jobs(api: Api, client: TestClient) -> None:
    db = api.home.database
    draft = JobDraft(
        request={}, model="m", base_model="m", training_file="file-1", method="supervised", hyperparameters={}
    )
    waiting, running = create_job(db, draft), create_job(db, draft)
    with db.session() as session:
        row = session.get_one(JobRow, running.id)
        row.status, row.step, row.worker = "running", 7, None
        for step, loss in ((6, 0.75), (7, 0.5)):
            session.add(
                JobEventRow(
                    id=f"ftevent-{step}",
                    job_id=running.id,
                    created_at=db.clock(),
                    level="info",
                    type="metrics",
                    message="",
                    data={"step": step, "train_loss": loss},
                )
            )
            session.flush()
    numbers = _read_numbers(client)
    assert (numbers["luthier_jobs", "validating_files"], numbers["luthier_jobs", "running"]) == (1, 1)
    assert numbers["luthier_jobs", "failed"] == 0
    assert (numbers["luthier_waiting_jobs", ""], numbers["luthier_workers", ""]) == (1, 0)
    assert numbers["luthier_job_step", running.id] == 7
    assert numbers["luthier_job_train_loss", running.id] == 0.5
    assert ("luthier_job_step", waiting.id) not in numbers
