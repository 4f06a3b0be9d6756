"""A body that is too large is refused as soon as that is known, whatever it says about its length."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from fastapi import APIRouter, Request

from luthier.server.limits import allow_body
from tests.support.api import Api, build_api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEBIBYTE = 2**20


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """One mebibyte may be sent, but two to /wide, which streams; both tell how much has arrived."""
    api = build_api(tmp_path / "home", body_mebibytes=1)
    router = APIRouter()

    @router.post("/narrow")
    async def read_all(request: Request) -> int:
        return len(await request.body())

    @router.post("/json")
    def read_json(body: dict[str, Any]) -> int:
        return len(body)

    @router.post("/wide")
    async def read_stream(request: Request) -> int:
        allow_body(request, 2 * MEBIBYTE)
        return sum([len(chunk) async for chunk in request.stream()])

    api.app.include_router(router)
    yield api
    api.home.database.close()


@pytest.mark.parametrize(("path", "limit"), [("/narrow", MEBIBYTE), ("/wide", 2 * MEBIBYTE)])
def test_the_limit_itself_is_allowed_and_a_byte_more_is_not(api: Api, path: str, limit: int) -> None:
    with api.open_client() as client:
        assert client.post(path, content=b"x" * limit).json() == limit
        response = client.post(path, content=b"x" * (limit + 1))
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"
    assert f"{limit:,}" in response.json()["error"]["message"]


@pytest.mark.parametrize(("path", "limit"), [("/narrow", MEBIBYTE), ("/wide", 2 * MEBIBYTE)])
def test_bytes_are_counted_where_no_length_is_told(api: Api, path: str, limit: int) -> None:
    with api.open_client() as client:
        assert client.post(path, content=iter([b"x" * (limit - 1), b"y"])).json() == limit
        assert client.post(path, content=iter([b"x" * limit, b"y"])).status_code == 413


def test_json_that_is_too_large_is_refused_before_it_is_parsed(api: Api) -> None:
    with api.open_client() as client:
        response = client.post("/json", content=b"[" * (MEBIBYTE + 1), headers={"Content-Type": "application/json"})
    assert response.status_code == 413


def test_a_client_is_told_before_it_has_sent_anything(api: Api) -> None:
    head = f"POST /narrow HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api.key}\r\n"
    assert b" 413 " in _talk(api, f"{head}Content-Length: 1099511627776\r\n\r\n")


def test_nothing_of_a_body_is_awaited_from_somebody_without_a_key(api: Api) -> None:
    assert b" 401 " in _talk(api, "POST /narrow HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n")


def _talk(api: Api, said: str) -> bytes:
    """The beginning of what a real server answers to these bytes, while the connection stays open."""
    with api.listen() as address, socket.create_connection(("127.0.0.1", urlsplit(address).port), 30) as connection:
        connection.sendall(said.encode())
        return connection.recv(4096)
