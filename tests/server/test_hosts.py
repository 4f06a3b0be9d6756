"""The names by which the server may be called: its own, the machine's, and those of the settings."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.api import build_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.testclient import TestClient


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    api = build_api(tmp_path_factory.mktemp("hosts") / "home")
    with api.open_client() as client:
        yield client
    api.home.database.close()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000", "[::1]", socket.gethostname()]
)
def test_the_machine_answers_by_its_own_names(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "localhost.evil.example", "localhost, evil.example", "localhost/x", "localhost?x", "a@localhost",
     "localhost:x", "[::1", "localhost:99999"],
)  # fmt: skip
def test_it_answers_by_no_other_name(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 421


def test_two_names_at_once_are_none(client: TestClient) -> None:
    headers = [("Host", "127.0.0.1"), ("Host", "evil.example")]
    assert client.get("/healthz", headers=headers).status_code == 421


def test_names_of_the_settings_and_of_the_start_are_answered(tmp_path: Path) -> None:
    api = build_api(tmp_path, allowed_hosts=["Luthier.example"], own_hosts=frozenset({"192.0.2.7"}))
    with api.open_client() as client:
        answers = {
            host: client.get("/healthz", headers={"Host": host}).status_code
            for host in ("luthier.example", "LUTHIER.example:443", "192.0.2.7:8000", "192.0.2.8")
        }
    assert answers == {"luthier.example": 200, "LUTHIER.example:443": 200, "192.0.2.7:8000": 200, "192.0.2.8": 421}
    api.home.database.close()


def test_a_page_that_a_proxy_serves_under_an_allowed_name_may_change_things(tmp_path: Path) -> None:
    api = build_api(tmp_path, allowed_hosts=["luthier.example"])
    with api.open_client() as client:
        origin = {"Host": "luthier.example", "Origin": "https://luthier.example"}
        assert client.post("/api/keys", json={"role": "rater"}, headers=origin).status_code == 201
        assert client.post("/api/keys", json={}, headers=origin | {"Host": "127.0.0.1"}).status_code == 403
    api.home.database.close()
