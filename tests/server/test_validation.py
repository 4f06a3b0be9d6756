"""What is wrong with a body is said in OpenAI's words, with the path to it, whatever shape the models have."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from fastapi import FastAPI, Query
from pydantic import Field, field_validator, model_validator
from starlette.testclient import TestClient

from luthier.server.openai.schema.body import (
    Body,
    JsonObject,
    Text,
    invalid_value,
    unsupported_parameter,
    unsupported_value,
)
from luthier.server.problems import install_handlers


class Part(Body):
    type: Literal["text"]
    text: Text


class UserMessage(Body):
    role: Literal["user"]
    content: str | list[Part]


class ToolMessage(Body):
    role: Literal["tool"]
    content: str
    tool_call_id: str


class Chat(Body):
    messages: list[Annotated[UserMessage | ToolMessage, Field(discriminator="role")]] = Field(min_length=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    n: int | None = Field(default=None, ge=1, le=128)
    stop: str | list[str] | None = None
    effort: Literal["low", "high"] | None = None
    name: str | None = Field(default=None, max_length=4, pattern="^[a-z]+$")
    tags: list[str] | None = Field(default=None, max_length=2)
    metadata: JsonObject | None = None
    labels: dict[Annotated[Text, Field(max_length=4)], Annotated[Text, Field(max_length=8)]] | None = None
    audio: dict[str, Any] | None = None
    top: int | None = None
    bytes: int | None = Field(default=None, le=2**33)

    @field_validator("audio")
    @classmethod
    def _refuse_audio(cls, value: Any) -> Any:
        if value is not None:
            raise unsupported_parameter("audio", "no model here speaks")
        return value

    @model_validator(mode="after")
    def _check_all(self) -> Chat:
        if self.top == 13:
            raise unsupported_value("top", "13 brings bad luck")
        if self.top == 14:
            raise invalid_value("top and effort do not go together.", param="effort")
        return self


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    install_handlers(app)

    @app.post("/chat")
    def chat(body: Chat) -> dict[str, str]:
        return {}

    @app.get("/list")
    def list_all(limit: Annotated[int, Query(ge=1, le=100)] = 20, order: Literal["asc", "desc"] = "asc") -> None: ...

    return TestClient(app)


HELLO = {"role": "user", "content": "hello"}

CASES: dict[str, tuple[dict[str, Any], str | None, str, str]] = {
    "unknown": ({"temprature": 1}, "temprature", "unknown_parameter", "Unknown parameter: 'temprature'."),
    "nested unknown": (
        {"messages": [{**HELLO, "nick": 1}]},
        "messages[0].nick",
        "unknown_parameter",
        "Unknown parameter: 'messages[0].nick'.",
    ),
    "missing": (
        {"messages": [HELLO, {"role": "tool", "content": "x"}]},
        "messages[1].tool_call_id",
        "missing_required_parameter",
        "Missing required parameter: 'messages[1].tool_call_id'.",
    ),
    "no role": (
        {"messages": [{"content": "x"}]},
        "messages[0].role",
        "missing_required_parameter",
        "Missing required parameter: 'messages[0].role'.",
    ),
    "strange role": (
        {"messages": [{"role": "king", "content": "x"}]},
        "messages[0].role",
        "invalid_value",
        "Invalid value: 'king'. Supported values are: 'user', 'tool'.",
    ),
    "empty array": (
        {"messages": []},
        "messages",
        "empty_array",
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
    ),
    "wrong type": (
        {"messages": "hello"},
        "messages",
        "invalid_type",
        "Invalid type for 'messages': expected an array, but got a string instead.",
    ),
    "number as text": (
        {"temperature": "1"},
        "temperature",
        "invalid_type",
        "Invalid type for 'temperature': expected a number, but got a string instead.",
    ),
    "boolean as number": (
        {"n": True},
        "n",
        "invalid_type",
        "Invalid type for 'n': expected an integer, but got a boolean instead.",
    ),
    "one of two types": (
        {"messages": [{"role": "user", "content": 5}]},
        "messages[0].content",
        "invalid_type",
        "Invalid type for 'messages[0].content': expected one of a string or an array, but got an integer instead.",
    ),
    "null where none may be": (
        {"messages": [{"role": "user", "content": None}]},
        "messages[0].content",
        "invalid_type",
        "Invalid type for 'messages[0].content': expected one of a string or an array, but got null instead.",
    ),
    "deep in one branch of two": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
        "messages[0].content[0].text",
        "invalid_type",
        "Invalid type for 'messages[0].content[0].text': expected a string, but got an integer instead.",
    ),
    "wrong part": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "text": "x"}]}]},
        "messages[0].content[0].type",
        "invalid_value",
        "Invalid value: 'image_url'. Supported values are: 'text'.",
    ),
    "too large": (
        {"temperature": 2.5},
        "temperature",
        "decimal_above_max_value",
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.5 instead.",
    ),
    "too small": (
        {"n": 0},
        "n",
        "integer_below_min_value",
        "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    ),
    "a list with a wrong item": (
        {"stop": ["a", 5]},
        "stop[1]",
        "invalid_type",
        "Invalid type for 'stop[1]': expected a string, but got an integer instead.",
    ),
    "choice": (
        {"effort": "max"},
        "effort",
        "invalid_value",
        "Invalid value: 'max'. Supported values are: 'low' or 'high'.",
    ),
    "large limit": (
        {"bytes": 9_000_000_000},
        "bytes",
        "integer_above_max_value",
        "Invalid 'bytes': integer above maximum value. Expected a value <= 8589934592, but got 9000000000 instead.",
    ),
    "long string": (
        {"name": "abcde"},
        "name",
        "string_above_max_length",
        "Invalid 'name': string too long. Expected a string with maximum length 4, but got a string with length 5 "
        "instead.",
    ),
    "long key": (
        {"labels": {"abcde": ""}},
        "labels.abcde",
        "string_above_max_length",
        "Invalid 'labels.abcde': string too long. Expected a string with maximum length 4, but got a string with "
        "length 5 instead.",
    ),
    "pattern": (
        {"name": "A"},
        "name",
        "invalid_value",
        "Invalid 'name': string does not match pattern. Expected a string that matches the pattern '^[a-z]+$'.",
    ),
    "long array": (
        {"tags": ["a", "b", "c"]},
        "tags",
        "array_above_max_length",
        "Invalid 'tags': array too long. Expected an array with maximum length 2, but got an array with length 3 "
        "instead.",
    ),
    "unsupported": (
        {"audio": {}},
        "audio",
        "unsupported_parameter",
        "Unsupported parameter: 'audio': no model here speaks",
    ),
    "unsupported value of the whole": (
        {"top": 13},
        "top",
        "unsupported_value",
        "Unsupported value: 'top': 13 brings bad luck",
    ),
    "a message of one's own": ({"top": 14}, "effort", "invalid_value", "top and effort do not go together."),
    "NUL in free JSON": (
        {"metadata": {"a": ["b\0"]}},
        "metadata",
        "invalid_value",
        "Text must be Unicode without NUL characters and lone surrogates.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_body_is_refused_in_openais_words(client: TestClient, case: str) -> None:
    changes, param, code, message = CASES[case]
    response = client.post("/chat", json={"messages": [HELLO], **changes})
    assert response.status_code == 400
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    assert response.json() == {"error": error}


def test_a_right_body_passes_with_explicit_nulls(client: TestClient) -> None:
    nulls = dict.fromkeys(("temperature", "n", "stop", "effort", "name", "tags", "metadata", "audio", "top"))
    assert client.post("/chat", json={"messages": [HELLO], **nulls}).json() == {}
    assert client.post("/chat", json={"messages": [HELLO], "temperature": 1, "stop": ["a"]}).json() == {}


RAW = {
    "no JSON": b"{",
    "not UTF-8": b'{"messages": "\xff"}',
    "empty": b"",
    "a list": b"[]",
    "null": b"null",
    "too deep": b"[" * 100_000,
    "deep free JSON": b'{"messages": [{"role": "user", "content": "x"}], "metadata": {"a": '
    + b"[" * 900
    + b"]" * 900
    + b"}}",
    "half a character in a list": b'{"messages": [{"role": "user", "content": "x"}], "stop": ["\\udfff"]}',
    "a number without end": b'{"n": ' + b"1" * 10_000 + b"}",
    "NaN": b'{"messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
    "infinite": b'{"messages": [{"role": "user", "content": "x"}], "temperature": 1e999}',
    "half a character": b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
    "half a character in free JSON": b'{"messages": [{"role": "user", "content": "x"}], "metadata": {"a": "\\ud800"}}',
    "half a character as a name": b'{"messages": [{"role": "user", "content": "x"}], "\\ud800": 1}',
    "a huge integer": b'{"messages": [{"role": "user", "content": "x"}], "n": 123456789012345678901234567890}',
}


@pytest.mark.parametrize("case", RAW)
def test_what_is_no_body_at_all_is_a_wrong_request(client: TestClient, case: str) -> None:
    response = client.post("/chat", content=RAW[case], headers={"Content-Type": "application/json"})
    assert response.status_code == 400, response.text
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"])
def test_a_body_that_says_to_be_something_else_than_json_is_not_guessed_at(client: TestClient, kind: str) -> None:
    response = client.post("/chat", content=b'{"messages": []}', headers={"Content-Type": kind})
    assert response.status_code == 400
    assert "Content-Type: application/json" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ("limit=0", "limit", "integer_below_min_value"),
        ("limit=x", "limit", "invalid_type"),
        ("limit=1.5", "limit", "invalid_type"),
        ("limit=" + "9" * 400, "limit", "integer_above_max_value"),
        ("limit=" + "9" * 5000, "limit", "invalid_type"),
        ("order=up", "order", "invalid_value"),
        ("limit=", "limit", "invalid_type"),
    ],
)
def test_a_wrong_query_is_refused_in_the_same_way(client: TestClient, query: str, param: str, code: str) -> None:
    response = client.get(f"/list?{query}")
    assert response.status_code == 400
    assert (response.json()["error"]["param"], response.json()["error"]["code"]) == (param, code), response.text


def test_what_a_client_sent_is_told_back_in_part_only(client: TestClient) -> None:
    response = client.post("/chat", json={"messages": [HELLO], "effort": "x" * 100_000})
    assert len(response.text) < 500
