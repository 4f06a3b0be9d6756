"""What servers say when they do not answer, in their several forms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from luthier.engine.remote.failure import LONGEST_MESSAGE, Asked, Refusal, explain_status, read_refusal, tidy
from luthier.errors import EngineUnavailable, InvalidRequest, LuthierError, PromptTooLong, UnknownModel

ASKED = Asked("http://host/v1", "org/m", "endpoint_keys", max_tokens=10)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"error": {"message": "no", "code": "c", "param": "p"}}, Refusal("no", "c", "p")),
        ({"error": {"message": "no", "code": None, "type": "t", "param": None}}, Refusal("no", "t")),
        (
            {"error": {"message": "no", "code": 400, "type": "context_length_exceeded"}},
            Refusal("no", "context_length_exceeded"),
        ),
        ({"error": "no"}, Refusal("no")),
        ({"object": "error", "message": "no", "code": 400}, Refusal("no", "400")),
        (
            {"detail": [{"loc": ["body"], "msg": "field required"}]},
            Refusal('[{"loc": ["body"], "msg": "field required"}]'),
        ),
        ({"detail": "Not Found"}, Refusal("Not Found")),
        ([], Refusal("[]")),
        ({}, Refusal("")),
    ],
)
def test_errors_are_read_in_the_forms_that_servers_have(body: Any, refusal: Refusal) -> None:
    assert read_refusal(json.dumps(body).encode()) == refusal


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"<html><head><TITLE>\n 502 Bad\tGateway</TITLE>", "502 Bad Gateway"),
        (b"upstream request timeout", "upstream request timeout"),
        (b"[" * 100_000, None),
    ],
)
def test_what_is_not_json_is_still_told(content: bytes, message: str | None) -> None:
    said = read_refusal(content).message
    assert said == message if message is not None else len(said) <= LONGEST_MESSAGE


@pytest.mark.parametrize(
    ("status", "error", "kind", "is_passing"),
    [
        (400, {"message": "bad", "type": "invalid_request_error"}, InvalidRequest, False),
        (413, {"message": "too much"}, InvalidRequest, False),
        (422, {"message": "bad"}, InvalidRequest, False),
        (400, {"message": "prompt is too long: 9 tokens"}, PromptTooLong, False),
        (404, {"message": "The model `org/m` does not exist."}, UnknownModel, False),
        (404, {"message": "nothing here"}, EngineUnavailable, False),
        (404, {"message": "no such path: /v1/org/m"}, EngineUnavailable, False),
        (404, {"message": "gone", "code": "model_not_found"}, UnknownModel, False),
        (429, {"message": "slow down"}, EngineUnavailable, True),
        (429, {"message": "pay", "code": "insufficient_quota"}, EngineUnavailable, False),
        (501, {"message": "never"}, EngineUnavailable, False),
        (503, {"message": "later"}, EngineUnavailable, True),
        (302, {"message": "elsewhere"}, EngineUnavailable, False),
    ],
)
def test_each_status_has_its_error(status: int, error: Any, kind: type[LuthierError], is_passing: bool) -> None:
    failure = explain_status(status, {}, json.dumps({"error": error}).encode(), ASKED, wait_seconds=None)
    assert type(failure.error) is kind
    assert failure.is_passing is is_passing
    assert failure.status == status


def test_a_server_may_forbid_another_try() -> None:
    failure = explain_status(503, {"x-should-retry": "false"}, b"", ASKED, wait_seconds=None)
    assert not failure.is_passing


@pytest.mark.parametrize(
    ("message", "room"),
    [
        ("maximum context length is 100 tokens and your request has 95 input tokens (10 > 100 - 95)", 5),
        (
            "maximum context length is 100 tokens. You requested 105 tokens (95 in the messages, 10 in the completion)",
            5,
        ),
        ("maximum context length is 100 tokens. However, your prompt contains 101 input tokens", 0),
        ("maximum context length is 100 tokens. However, your prompt contains at least 91 input tokens", 0),
        ("maximum context length is 100 tokens", 0),
    ],
)
def test_the_room_for_an_answer_is_only_believed_when_it_is_told(message: str, room: int) -> None:
    failure = explain_status(400, {}, json.dumps({"error": {"message": message}}).encode(), ASKED, wait_seconds=None)
    assert isinstance(failure.error, PromptTooLong)
    assert failure.room == room


def test_a_servers_words_become_one_short_line() -> None:
    assert tidy("a\x1b[2Jb\r\nc\u0085") == "a [2Jb c"
    assert len(tidy("x" * 10_000)) == LONGEST_MESSAGE
