"""Admins make, list and revoke keys over HTTP while the server runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from tests.support.api import Api


def test_a_key_works_from_its_making_to_its_revocation(api: Api, client: TestClient) -> None:
    made = client.post("/api/keys", json={"role": "member", "name": "ci"})
    assert made.status_code == 201
    body: dict[str, Any] = made.json()
    with api.open_client(body.pop("key")) as other:
        assert other.get("/v1/models").status_code == 200
        assert body in client.get("/api/keys").json()["data"]
        revoked = client.delete(f"/api/keys/{body['id']}").json()
        assert revoked["revoked_at"] >= body["created_at"]
        assert other.get("/v1/models").status_code == 401


@pytest.mark.parametrize(
    ("body", "param"),
    [({"role": "boss"}, "role"), ({"name": "x" * 101}, "name"), ({"secret": "1"}, "secret"), ({"name": 1}, "name")],
)
def test_a_wrong_draft_makes_no_key(client: TestClient, body: dict[str, Any], param: str) -> None:
    before = client.get("/api/keys").json()
    answer = client.post("/api/keys", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert client.get("/api/keys").json() == before


def test_a_name_is_one_line(client: TestClient) -> None:
    assert client.post("/api/keys", json={"name": "a\nb"}).status_code == 400
    assert client.post("/api/keys", json={"name": "a\0b"}).status_code == 400


@pytest.mark.parametrize("key_id", ["key_x", "%00", "%2e%2e", "%ff"])
def test_an_unknown_key_cannot_be_revoked(client: TestClient, key_id: str) -> None:
    assert client.delete(f"/api/keys/{key_id}").status_code == 404
