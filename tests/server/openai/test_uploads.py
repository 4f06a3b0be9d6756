"""Uploads in parts through the official SDK: the chunked helper, parts that come at once, and every wrong end."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import openai
import pytest

from luthier.store.user_files.contents import Contents
from luthier.store.user_files.user_file import LARGEST_PART, LARGEST_UPLOAD

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.support.api import Api

CONTENT = b"".join(b'{"row": %d}\n' % number for number in range(1000))
MD5 = hashlib.md5(CONTENT).hexdigest()

WRONG_BEGINNINGS: list[tuple[dict[str, Any], str | None]] = [
    ({"bytes": 0}, "bytes"),
    ({"bytes": LARGEST_UPLOAD + 1}, "bytes"),
    ({"bytes": "1"}, "bytes"),
    ({"purpose": "fun"}, "purpose"),
    ({"filename": ""}, "filename"),
    ({"filename": "a\0.jsonl"}, "filename"),
    ({"colour": "red"}, "colour"),
    ({"expires_after": {"anchor": "created_at", "seconds": 1}}, "expires_after.seconds"),
    ({"filename": "rows.csv"}, None),
]
"""What is wrong, and the parameter that is named."""


def begin(sdk: openai.OpenAI, **options: Any) -> openai.types.Upload:
    usual = {"filename": "rows.jsonl", "purpose": "fine-tune", "bytes": len(CONTENT), "mime_type": "text/jsonl"}
    return sdk.uploads.create(**{**usual, **options})


def test_the_helper_of_the_sdk_sends_a_file_in_parts(sdk: openai.OpenAI, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(CONTENT)
    upload = sdk.uploads.upload_file_chunked(
        file=path, mime_type="text/jsonl", purpose="fine-tune", part_size=1000, md5=MD5
    )
    assert (upload.status, upload.purpose, upload.bytes) == ("completed", "fine-tune", len(CONTENT))
    assert upload.file is not None
    assert (upload.file.filename, upload.file.bytes, upload.file.status) == ("rows.jsonl", len(CONTENT), "processed")
    assert sdk.files.content(upload.file.id).read() == CONTENT


def test_parts_may_come_at_once_and_are_joined_in_the_order_that_is_named(sdk: openai.OpenAI) -> None:
    upload = begin(sdk, expires_after={"anchor": "created_at", "seconds": 7200})
    assert (upload.status, upload.file, upload.expires_at) == ("pending", None, upload.created_at + 3600)
    pieces = [CONTENT[start : start + 2000] for start in range(0, len(CONTENT), 2000)]
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda piece: sdk.uploads.parts.create(upload.id, data=piece), reversed(pieces)))
    assert {part.upload_id for part in parts} == {upload.id}
    done = sdk.uploads.complete(upload.id, part_ids=[part.id for part in reversed(parts)], md5=MD5)
    assert done.file is not None
    assert done.file.expires_at == done.file.created_at + 7200
    assert sdk.files.content(done.file.id).read() == CONTENT
    assert sdk.uploads.complete(upload.id, part_ids=[part.id for part in reversed(parts)]) == done


def test_a_cancelled_upload_is_over(sdk: openai.OpenAI, api: Api) -> None:
    upload = begin(sdk)
    part = sdk.uploads.parts.create(upload.id, data=CONTENT)
    assert sdk.uploads.cancel(upload.id).status == "cancelled"
    assert Contents(api.home).list_kept() == []
    with pytest.raises(openai.BadRequestError, match="is cancelled") as caught:
        sdk.uploads.parts.create(upload.id, data=CONTENT)
    assert caught.value.code == "invalid_state"
    with pytest.raises(openai.BadRequestError, match="is cancelled"):
        sdk.uploads.complete(upload.id, part_ids=[part.id])


def test_the_announced_length_must_be_met(sdk: openai.OpenAI) -> None:
    for size in (len(CONTENT) - 1, len(CONTENT) + 1):
        upload = begin(sdk, bytes=size)
        part = sdk.uploads.parts.create(upload.id, data=CONTENT)
        with pytest.raises(openai.BadRequestError, match=f"was announced with {size}"):
            sdk.uploads.complete(upload.id, part_ids=[part.id])


def test_a_wrong_checksum_or_part_is_said(sdk: openai.OpenAI) -> None:
    upload = begin(sdk)
    part = sdk.uploads.parts.create(upload.id, data=CONTENT)
    with pytest.raises(openai.BadRequestError, match="md5 checksum"):
        sdk.uploads.complete(upload.id, part_ids=[part.id], md5="0" * 32)
    with pytest.raises(openai.BadRequestError, match="has no part 'part_1'"):
        sdk.uploads.complete(upload.id, part_ids=["part_1"])
    assert sdk.uploads.complete(upload.id, part_ids=[part.id]).status == "completed"


def test_an_unknown_upload_is_named_before_a_part_is_read(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(2 * LARGEST_PART)}
    answer = client.post("/v1/uploads/upload_1/parts", content=b"--x", headers=headers)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "No such Upload object: upload_1"


def test_a_part_that_is_too_large_is_refused(client: TestClient, sdk: openai.OpenAI) -> None:
    upload = begin(sdk)
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(2 * LARGEST_PART)}
    assert client.post(f"/v1/uploads/{upload.id}/parts", content=b"--x", headers=headers).status_code == 413


def test_a_wrong_beginning_is_refused(client: TestClient) -> None:
    usual = {"filename": "rows.jsonl", "purpose": "fine-tune", "bytes": 1, "mime_type": "text/jsonl"}
    for changes, param in WRONG_BEGINNINGS:
        answer = client.post("/v1/uploads", json={**usual, **changes})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), changes


def test_nulls_are_as_good_as_nothing(client: TestClient) -> None:
    body = {"filename": "a", "purpose": "vision", "bytes": 1, "mime_type": "image/png", "expires_after": None}
    upload = client.post("/v1/uploads", json=body).json()
    part = client.post(f"/v1/uploads/{upload['id']}/parts", files={"data": b"x"}).json()
    done = client.post(f"/v1/uploads/{upload['id']}/complete", json={"part_ids": [part["id"]], "md5": None})
    assert done.json()["file"]["bytes"] == 1
