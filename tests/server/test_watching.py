"""Every answer carries its request's id, and the log and the metrics say the same of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from fastapi import APIRouter
from starlette.responses import StreamingResponse

from luthier.server.watching import UNKNOWN_ROUTE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.testclient import TestClient

    from tests.support.api import Api

LOGGER = "luthier.server.watching"


def _find_records(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [record.__dict__ for record in caplog.records if record.name == LOGGER]


def test_each_request_has_an_id_of_its_own_whatever_becomes_of_it(client: TestClient) -> None:
    answers = [
        client.get("/healthz"),
        client.get("/v1/nothing"),
        client.put("/v1/models"),
        client.get("/healthz", headers={"Host": "evil.example"}),
        client.get("/v1/models", headers={"Authorization": "Bearer sk-luthier-wrong"}),
        client.get("/openapi.json"),
    ]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert [answer.status_code for answer in answers] == [200, 404, 405, 421, 401, 200]
    assert len(set(ids)) == len(ids)
    assert all(request_id.startswith("req_") and len(request_id) == 36 for request_id in ids)


def test_a_client_cannot_choose_the_id(client: TestClient) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": "mine\x01"}).headers["x-request-id"] != "mine\x01"


def test_the_log_tells_who_asked_what_and_how_it_went(
    api: Api, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    answer = client.get("/v1/models/nothing?secret=1")
    (record,) = _find_records(caplog)
    assert record["request_id"] == answer.headers["x-request-id"]
    assert (record["method"], record["route"], record["status"]) == ("GET", "/v1/models/{model:path}", 404)
    assert str(record["key_id"]).startswith("key_")
    assert isinstance(record["milliseconds"], float)
    assert api.key not in caplog.text
    assert "secret" not in caplog.text


def test_an_exception_counts_as_a_failure_of_the_server(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    router = APIRouter()

    @router.get("/fail")
    def fail() -> None:
        raise ZeroDivisionError

    api.app.include_router(router)
    with api.open_client(raise_server_exceptions=False) as client:
        client.get("/fail")
    assert [record["status"] for record in _find_records(caplog)] == [500]


def test_a_stream_is_counted_when_it_ends_and_open_until_then(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    router, seen = APIRouter(), []

    async def speak() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        seen.append((b"luthier_open_requests 1.0" in api.services.metrics.render(), len(_find_records(caplog))))
        yield b"data: 2\n\n"

    @router.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(speak(), media_type="text/event-stream")

    api.app.include_router(router)
    with api.open_client() as client:
        assert client.get("/stream").headers["x-request-id"].startswith("req_")
    assert seen == [(True, 0)]
    assert [record["status"] for record in _find_records(caplog)] == [200]
    assert b"luthier_open_requests 0.0" in api.services.metrics.render()


def test_strange_paths_and_methods_make_no_new_numbers(api: Api, client: TestClient) -> None:
    for number in range(5):
        client.get(f"/nothing/{number}")
        client.request(f"METHOD{number}", "/v1/models")
        client.get(f"/v1/models/model-{number}")
    numbers = api.services.metrics.render().decode()
    lines = [line for line in numbers.splitlines() if line.startswith("luthier_requests_total")]
    assert sorted(lines) == [
        'luthier_requests_total{method="GET",route="/v1/models/{model:path}",status="404"} 5.0',
        f'luthier_requests_total{{method="GET",route="{UNKNOWN_ROUTE}",status="404"}} 5.0',
        'luthier_requests_total{method="other",route="/v1/models",status="405"} 5.0',
    ]
