"""Files through the official SDK over a real socket, and what a client that is not it may send."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import openai
import pytest

from luthier.jobs.desk import create_job
from luthier.jobs.job import JobDraft
from luthier.store.user_files.contents import Contents
from luthier.store.user_files.shelf import keep_received
from luthier.store.user_files.user_file import LARGEST_FILE, FileDraft

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.support.api import Api

ROWS = b'{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}\n'

SHOWN_PURPOSES = [("vision", "vision"), ("evals", "user_data"), ("batch", "batch")]
"""As it is sent, and as it is shown."""

WRONG_FIELDS = [
    ({}, "purpose", "missing_required_parameter"),
    ({"purpose": "fun"}, "purpose", "invalid_value"),
    ({"purpose": "fine-tune", "colour": "red"}, "colour", "unknown_parameter"),
    ({"purpose": "batch", "expires_after[seconds]": "3600"}, "expires_after.anchor", "missing_required_parameter"),
    (
        {"purpose": "batch", "expires_after[anchor]": "now", "expires_after[seconds]": "3600"},
        "expires_after.anchor",
        "invalid_value",
    ),
    (
        {"purpose": "batch", "expires_after[anchor]": "created_at", "expires_after[seconds]": "3599"},
        "expires_after.seconds",
        "integer_below_min_value",
    ),
    (
        {"purpose": "batch", "expires_after[anchor]": "created_at", "expires_after[seconds]": "soon"},
        "expires_after.seconds",
        "invalid_type",
    ),
]
"""Fields of the form, and the parameter and code of the error."""

NO_FORMS = [
    (b'{"purpose": "fine-tune"}', "application/json"),
    (b"", "multipart/form-data"),
    (b"purpose=fine-tune", "application/x-www-form-urlencoded"),
    (b"--x", "multipart/form-data; boundary=x"),
    (b"--x--\r\n", f"multipart/form-data; boundary={'x' * 500}"),
]
"""A body and its type."""

CLIMBING_PATHS = [
    "file-1",
    "..%2f..%2fluthier.db",
    "%2e%2e%2f%2e%2e",
    "file-%00",
    "file-" + "z" * 24,
    "%ff",
    "file-1/content",
]

WRONG_QUERIES = ["limit=0", "limit=10001", "limit=x", "order=up", "after=file-1", "after=%00"]


def upload(sdk: openai.OpenAI, name: str = "training-data.jsonl", **options: Any) -> openai.types.FileObject:
    return sdk.files.create(file=(name, ROWS), **{"purpose": "fine-tune", **options})


def test_a_file_goes_up_is_described_listed_downloaded_and_deleted(sdk: openai.OpenAI, api: Api) -> None:
    file = upload(sdk)
    assert (file.filename, file.bytes, file.purpose, file.status) == (
        "training-data.jsonl",
        len(ROWS),
        "fine-tune",
        "processed",
    )
    assert sdk.files.retrieve(file.id) == sdk.files.wait_for_processing(file.id) == file
    assert [listed.id for listed in sdk.files.list()] == [file.id]
    assert sdk.files.content(file.id).read() == ROWS
    assert sdk.files.delete(file.id).deleted
    assert list(sdk.files.list()) == []
    assert Contents(api.home).list_kept() == []
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.files.retrieve(file.id)
    assert caught.value.body == {
        "message": f"No such File object: {file.id}",
        "type": "invalid_request_error",
        "param": "id",
        "code": None,
    }


def test_the_async_client_does_the_same(api: Api) -> None:
    async def use(address: str) -> None:
        async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=api.key, max_retries=0) as sdk:
            file = await sdk.files.create(file=("rows.jsonl", ROWS), purpose="fine-tune")
            assert (await sdk.files.content(file.id)).content == ROWS
            assert [listed.id async for listed in sdk.files.list(limit=1)] == [file.id]

    with api.listen() as address:
        asyncio.run(use(address))


def test_a_cleanup_that_deletes_what_it_pages_through_meets_every_file(sdk: openai.OpenAI) -> None:
    ids = [upload(sdk).id for _ in range(5)]
    seen = []
    for file in sdk.files.list(limit=2):
        seen.append(file.id)
        sdk.files.delete(file.id)
    assert seen == ids[::-1]


def test_files_are_listed_by_purpose_and_in_either_order(sdk: openai.OpenAI) -> None:
    first, second = upload(sdk), upload(sdk)
    upload(sdk, purpose="batch")
    assert [file.id for file in sdk.files.list(purpose="fine-tune", order="asc")] == [first.id, second.id]
    assert sdk.files.list(purpose="fine-tune", limit=1).has_more
    assert sdk.files.list(purpose="none-of-ours").data == []


def test_the_purpose_is_one_that_the_clients_know(sdk: openai.OpenAI) -> None:
    for purpose, shown in SHOWN_PURPOSES:
        file = upload(sdk, purpose=purpose)
        assert file.purpose == shown
        assert sdk.files.content(file.id).read() == ROWS
        assert [listed.id for listed in sdk.files.list(purpose=purpose)] == [file.id]


def test_a_file_lives_as_long_as_was_asked_for(sdk: openai.OpenAI) -> None:
    file = upload(sdk, expires_after={"anchor": "created_at", "seconds": 3600})
    assert file.expires_at == file.created_at + 3600
    assert upload(sdk).expires_at is None
    batch = upload(sdk, purpose="batch")
    assert batch.expires_at == batch.created_at + 30 * 24 * 3600


def test_some_purposes_are_not_downloaded(sdk: openai.OpenAI) -> None:
    for purpose in ("assistants", "user_data"):
        file = upload(sdk, purpose=purpose)
        with pytest.raises(openai.BadRequestError, match=f"Not allowed to download files of purpose: {purpose}"):
            sdk.files.content(file.id)


def test_a_file_that_is_no_jsonl_is_not_for_fine_tuning(sdk: openai.OpenAI, api: Api) -> None:
    with pytest.raises(openai.BadRequestError, match=r"Invalid file format for Fine-Tuning API\. Must be \.jsonl"):
        sdk.files.create(file=ROWS, purpose="fine-tune")  # the SDK calls such a file "upload"
    assert upload(sdk, "ROWS.JSONL").filename == "ROWS.JSONL"
    assert len(Contents(api.home).list_kept()) == 1


def test_wrong_fields_are_named(client: TestClient) -> None:
    for fields, param, code in WRONG_FIELDS:
        answer = client.post("/v1/files", files={"file": ("rows.jsonl", ROWS)}, data=fields)
        error = answer.json()["error"]
        assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param), fields
        assert error["code"] == code


def test_a_body_that_is_no_form_is_refused(client: TestClient) -> None:
    for body, kind in NO_FORMS:
        answer = client.post("/v1/files", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 400, kind
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_an_empty_file_is_refused(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="the file is empty"):
        sdk.files.create(file=("rows.jsonl", b""), purpose="fine-tune")


def test_a_file_that_says_it_is_too_large_is_refused_before_it_is_read(client: TestClient, api: Api) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(2 * LARGEST_FILE)}
    assert client.post("/v1/files", content=b"--x", headers=headers).status_code == 413
    assert Contents(api.home).clear_incoming() == 0


def test_a_file_larger_than_other_bodies_may_be_is_taken(api: Api, sdk: openai.OpenAI) -> None:
    size = (api.home.settings.body_mebibytes + 1) << 20
    assert sdk.files.create(file=("rows.jsonl", b"\n" * size), purpose="fine-tune").bytes == size


def test_names_keep_their_letters_and_lose_their_folders(sdk: openai.OpenAI) -> None:
    file = upload(sdk, "../../données кириллица \U0001f600.jsonl")
    assert file.filename == "données кириллица \U0001f600.jsonl"
    disposition = sdk.files.content(file.id).response.headers["content-disposition"]
    assert disposition.startswith("attachment; filename*=UTF-8''donn%C3%A9es%20")


def test_no_path_leads_out_of_the_store(client: TestClient) -> None:
    for path in CLIMBING_PATHS:
        for method in ("GET", "DELETE"):
            answer = client.request(method, f"/v1/files/{path}")
            assert answer.status_code in (404, 405), path
            assert answer.json()["error"]["message"]


def test_a_wrong_query_is_refused(client: TestClient) -> None:
    for query in WRONG_QUERIES:
        assert client.get(f"/v1/files?{query}").status_code in (400, 404), query


def test_empty_queries_mean_nothing(client: TestClient) -> None:
    assert client.get("/v1/files?purpose=&after=").json() == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


def test_what_is_not_set_is_left_out_because_the_npm_client_knows_no_null_there(client: TestClient) -> None:
    file = client.post("/v1/files", files={"file": ("a.txt", b"x")}, data={"purpose": "vision"}).json()
    assert not {"expires_at", "status_details"} & set(file)


def test_a_file_that_a_job_waits_for_is_not_deleted_and_the_client_does_not_try_again(
    sdk: openai.OpenAI, api: Api
) -> None:
    file = upload(sdk)
    wait_for(api, file.id)
    with pytest.raises(openai.BadRequestError, match="in use by fine-tuning job"):
        sdk.with_options(max_retries=5).files.delete(file.id)
    assert sdk.files.retrieve(file.id) == file


def wait_for(api: Api, file_id: str) -> None:
    draft = JobDraft(
        request={}, model="m", base_model="m", method="supervised", hyperparameters={}, training_file=file_id
    )
    create_job(api.home.database, draft)


def test_a_file_whose_time_is_over_is_unknown(client: TestClient, api: Api) -> None:
    with Contents(api.home).receive() as incoming:
        incoming.write(ROWS)
        file = keep_received(api.home, incoming, FileDraft("rows.jsonl", "fine-tune", 0))
    for path in (file.id, f"{file.id}/content"):
        assert client.get(f"/v1/files/{path}").status_code == 404


def test_a_full_disk_is_said_and_everything_works_again_when_there_is_room(client: TestClient, api: Api) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    form = {"files": {"file": ("rows.jsonl", b"\n" * (4 << 20))}, "data": {"purpose": "fine-tune"}}
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, hard))
    try:
        answer = client.post("/v1/files", **form)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.json()["error"]["code"] == "disk_full"
    assert client.get("/v1/files").json()["data"] == []
    assert Contents(api.home).clear_incoming() == 0
    assert client.post("/v1/files", **form).status_code == 200


def test_a_missing_content_is_an_error_of_the_server_and_no_broken_download(client: TestClient, api: Api) -> None:
    file = client.post("/v1/files", files={"file": ("a.jsonl", ROWS)}, data={"purpose": "fine-tune"}).json()
    Contents(api.home).remove(file["id"])
    answer = client.get(f"/v1/files/{file['id']}/content")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "store_damaged"


def test_a_rater_has_no_files(api: Api) -> None:
    with api.open_client(api.create_key("rater")) as client:
        assert client.get("/v1/files").status_code == 403
        assert client.post("/v1/files", files={"file": ("a", b"x")}, data={"purpose": "batch"}).status_code == 403


def test_a_connection_that_breaks_off_leaves_nothing(api: Api) -> None:
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api.key}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="rows.jsonl"\r\n\r\n'
    )
    with api.listen() as address:
        url = urlsplit(address)
        with socket.create_connection((url.hostname, url.port)) as connection:
            connection.sendall(head.encode() + bytes(3 << 20))
            wait_until(lambda: any(file.stat().st_size > 0 for file in list_incoming(api)))
        wait_until(lambda: not list_incoming(api))
    assert Contents(api.home).list_kept() == []


def list_incoming(api: Api) -> list[Path]:
    return list((api.home.path / "blobs" / "user-files" / "incoming").glob("*"))


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
