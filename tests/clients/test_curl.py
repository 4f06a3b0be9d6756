"""curl, as OpenAI's own documentation shows each call."""

from __future__ import annotations

import json
import shutil
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.support.clients import ALIAS, EMBEDDING_ALIAS, SNAPSHOT
from tests.support.whole_server import wait_until

if TYPE_CHECKING:
    from email.message import Message

    from tests.support.clients import Tutorial

CURL = shutil.which("curl")
JSON = ("-H", "Content-Type: application/json", "-d")
CHAT = {"model": ALIAS, "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 8, "seed": 1}

pytestmark = pytest.mark.skipif(CURL is None, reason="no curl on the PATH")


class Reply(NamedTuple):
    status: int
    headers: Message
    text: str

    @property
    def content_type(self) -> str:
        return str(self.headers["content-type"])

    @property
    def request_id(self) -> str:
        return str(self.headers["x-request-id"])

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Terminal(NamedTuple):
    tutorial: Tutorial

    def curl(self, path: str, *words: str, key: str | None = None) -> Reply:
        authorization = f"Authorization: Bearer {self.tutorial.key if key is None else key}"
        heads = self.tutorial.folder / "curl-headers"
        ended = self.tutorial.run(
            str(CURL), "-sS", f"{self.tutorial.url}{path}", "-H", authorization, "-D", heads, *words
        )
        assert ended.returncode == 0, ended.stderr
        head = heads.read_text().rstrip().split("\n\n")[-1]  # before it there may be "100 Continue"
        return Reply(int(head.split()[1]), BytesParser().parsebytes(head.partition("\n")[2].encode()), ended.stdout)

    def post(self, path: str, body: Any, *words: str) -> Reply:
        text = body if isinstance(body, str) else json.dumps(body)
        return self.curl(path, *JSON, text, *words)

    def upload(self, *words: str) -> Reply:
        return self.curl("/files", "-F", "purpose=fine-tune", "-F", "file=@training-data.jsonl", *words)


@pytest.fixture(scope="module")
def terminal(tutorial: Tutorial) -> Terminal:
    return Terminal(tutorial)


def test_models_are_listed_and_found(terminal: Terminal) -> None:
    listed = terminal.curl("/models")
    assert (listed.status, listed.content_type) == (200, "application/json")
    assert {ALIAS, SNAPSHOT} <= {model["id"] for model in listed.json["data"]}
    assert listed.request_id.startswith("req_")
    found = terminal.curl(f"/models/{ALIAS}").json
    assert (found["id"], found["object"]) == (ALIAS, "model")
    assert terminal.curl("/models/local/tiny").json["id"] == terminal.curl("/models/local%2Ftiny").json["id"]


def test_a_chat_is_answered_whole_and_in_a_stream(terminal: Terminal) -> None:
    whole = terminal.post("/chat/completions", CHAT)
    assert whole.status == 200
    assert whole.json["choices"][0]["message"]["role"] == "assistant"
    stream = terminal.post("/chat/completions", {**CHAT, "stream": True}, "--no-buffer")
    assert stream.content_type.startswith("text/event-stream")
    *events, end = [line.removeprefix("data: ") for line in stream.text.splitlines() if line]
    assert end == "[DONE]"
    told = [json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events]
    assert "".join(told) == whole.json["choices"][0]["message"]["content"]


def test_a_text_becomes_a_vector(terminal: Terminal) -> None:
    told = terminal.post("/embeddings", {"input": "The food was delicious", "model": EMBEDDING_ALIAS}).json
    assert len(told["data"][0]["embedding"]) == 384


def test_a_file_is_uploaded_read_and_deleted(terminal: Terminal) -> None:
    file = terminal.upload().json
    assert (file["purpose"], file["status"], file["filename"]) == ("fine-tune", "processed", "training-data.jsonl")
    assert file["id"] in [each["id"] for each in terminal.curl("/files").json["data"]]
    assert terminal.curl(f"/files/{file['id']}").json == file
    assert terminal.curl(f"/files/{file['id']}/content").text == terminal.tutorial.training_data.read_text()
    assert terminal.curl(f"/files/{file['id']}", "-X", "DELETE").json["deleted"] is True
    assert terminal.curl(f"/files/{file['id']}").status == 404


def test_an_upload_is_sent_in_parts(terminal: Terminal) -> None:
    size = terminal.tutorial.training_data.stat().st_size
    order = {"purpose": "fine-tune", "filename": "all.jsonl", "bytes": size, "mime_type": "text/jsonl"}
    upload = terminal.post("/uploads", order).json
    part = terminal.curl(f"/uploads/{upload['id']}/parts", "-F", "data=@training-data.jsonl").json
    done = terminal.post(f"/uploads/{upload['id']}/complete", {"part_ids": [part["id"]]}).json
    assert (done["status"], done["file"]["bytes"]) == ("completed", size)


def test_a_job_is_made_watched_and_cancelled(terminal: Terminal) -> None:
    file = terminal.upload().json["id"]
    job = terminal.post("/fine_tuning/jobs", {"training_file": file, "model": SNAPSHOT, "suffix": "curl"}).json
    assert (job["object"], job["model"]) == ("fine_tuning.job", SNAPSHOT)
    path = f"/fine_tuning/jobs/{job['id']}"
    assert terminal.curl("/fine_tuning/jobs?limit=1").json["data"][0]["id"] == job["id"]
    assert terminal.curl(path, "-X", "GET").json["id"] == job["id"]
    assert terminal.curl(f"{path}/checkpoints").json["data"] == []
    assert terminal.curl(f"{path}/cancel", "-X", "POST").status == 200
    wait_until(lambda: terminal.curl(path).json["status"] == "cancelled")
    events = terminal.curl(f"{path}/events?limit=50").json
    assert events["data"][-1]["message"] == f"Created fine-tuning job: {job['id']}"


@pytest.mark.parametrize(
    ("path", "words", "key", "expected"),
    [
        ("/models", [], "", (401, "invalid_request_error", None, None)),
        ("/models", [], "sk-wrong", (401, "invalid_request_error", None, "invalid_api_key")),
        ("/models/nobody", [], None, (404, "invalid_request_error", "model", "model_not_found")),
        ("/files/file-none", [], None, (404, "invalid_request_error", "id", None)),
        ("/files", ["-F", "purpose=fine-tune"], None, (400, "invalid_request_error", "file", None)),
        ("/nowhere", [], None, (404, "invalid_request_error", None, "unknown_url")),
        ("/models", ["-X", "PUT"], None, (405, "invalid_request_error", None, "method_not_supported")),
        ("/chat/completions", [*JSON, "{"], None, (400, "invalid_request_error", None, None)),
        (
            "/chat/completions",
            [*JSON, "{}"],
            None,
            (400, "invalid_request_error", "model", "missing_required_parameter"),
        ),
        ("/chat/completions", ["-d", json.dumps(CHAT)], None, (400, "invalid_request_error", None, None)),
        ("/models", ["-H", "Host: evil.example"], None, (421, "invalid_request_error", None, "unknown_host")),
        ("/fine_tuning/jobs?limit=none", [], None, (400, "invalid_request_error", "limit", "invalid_type")),
        ("/fine_tuning/jobs/ftjob-none/cancel", ["-X", "POST"], None, (404, "invalid_request_error", None, None)),
    ],
)
def test_each_error_says_what_is_wrong_in_openais_form(
    terminal: Terminal, path: str, words: list[str], key: str | None, expected: tuple[int, str, str | None, str | None]
) -> None:
    status, kind, param, code = expected
    reply = terminal.curl(path, *words, key=key)
    error = reply.json["error"]
    assert (reply.status, reply.content_type) == (status, "application/json"), reply.text
    assert {*error} == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == (kind, param), error
    assert code is None or error["code"] == code, error
    assert error["message"]
    assert reply.request_id.startswith("req_")
