"""The official SDK chats, whole and in streams, with all that it understands of an answer."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest
from pydantic import BaseModel

from luthier.conversation import Message, ToolCall
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import DiskFull, EngineUnavailable, PromptTooLong
from tests.support.api import build_api
from tests.support.openai_events import read_events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.support.api import Api

HI: Any = [{"role": "user", "content": "hi there"}]
CALLS = (ToolCall("call_1", "weather", '{"city": "Bonn"}'), ToolCall("call_2", "weather", '{"city": "Köln"}'))


class Weather(BaseModel):
    city: str


class Person(BaseModel):
    name: str
    age: int


STRICT_TOOLS: Any = [openai.pydantic_function_tool(Weather, name="weather")]
FUNCTIONS: Any = [{"name": "weather", "parameters": {"type": "object"}}]


def fail_softly(messages: tuple[Message, ...]) -> str:
    raise EngineUnavailable("the engine is being started again")


def fail_for_length(messages: tuple[Message, ...]) -> str:
    raise PromptTooLong("the prompt has 9 tokens, the context of tiny 8", hint="shorten the prompt")


def fail_for_room(messages: tuple[Message, ...]) -> str:
    raise DiskFull("/secret/place: no room")


SCRIPTS: Any = {
    "echo": lambda messages: f"You said: {messages[-1].content}",
    "caller": lambda messages: Message("assistant", "", tool_calls=CALLS),
    "thinker": lambda messages: Message("assistant", "Let me see.", tool_calls=CALLS[:1]),
    "json": lambda messages: '{"name": "Ada", "age": 36}',
    "gone": fail_softly,
    "short": fail_for_length,
    "full": fail_for_room,
}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    aliases = {f"{name}-2024-07-18": str(tmp_path / name) for name in SCRIPTS}
    for name in SCRIPTS:
        (tmp_path / name).mkdir()
    scripts = {str(tmp_path / name): script for name, script in SCRIPTS.items()}
    api = build_api(tmp_path / "home", engine=ScriptedEngine(scripts), aliases=aliases)
    yield api
    api.home.database.close()


def test_a_whole_answer_is_what_the_sdk_expects(sdk: openai.OpenAI) -> None:
    completion = sdk.chat.completions.create(model="echo", messages=HI)
    (choice,) = completion.choices
    assert (choice.message.content, choice.message.role, choice.finish_reason) == (
        "You said: hi there",
        "assistant",
        "stop",
    )
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens, completion.usage.total_tokens) == (
        2,
        4,
        6,
    )
    assert completion.model == "echo-2024-07-18"
    assert completion.id.startswith("chatcmpl-")
    assert completion._request_id


def test_the_same_model_has_the_same_fingerprint_and_another_has_another(client: TestClient) -> None:
    bodies = [{"model": name, "messages": HI} for name in ("echo", "echo", "json")]
    prints = [client.post("/v1/chat/completions", json=body).json()["system_fingerprint"] for body in bodies]
    assert prints[0] == prints[1] != prints[2]


def test_several_answers_are_numbered_and_their_prompt_counts_once(sdk: openai.OpenAI) -> None:
    completion = sdk.chat.completions.create(model="echo", messages=HI, n=3)
    assert [choice.index for choice in completion.choices] == [0, 1, 2]
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (2, 12)


def test_stop_texts_and_limits_end_an_answer(sdk: openai.OpenAI) -> None:
    stopped = sdk.chat.completions.create(model="echo", messages=HI, stop=" hi").choices[0]
    assert (stopped.message.content, stopped.finish_reason) == ("You said:", "stop")
    cut = sdk.chat.completions.create(model="echo", messages=HI, max_completion_tokens=2).choices[0]
    assert (cut.message.content, cut.finish_reason) == ("You said:", "length")


def test_calls_come_instead_of_text(sdk: openai.OpenAI) -> None:
    choice = sdk.chat.completions.create(model="caller", messages=HI, tools=STRICT_TOOLS).choices[0]
    assert (choice.message.content, choice.finish_reason) == (None, "tool_calls")
    assert [call.id for call in choice.message.tool_calls or ()] == ["call_1", "call_2"]


def test_the_older_form_of_tools_is_answered_in_the_older_form(sdk: openai.OpenAI) -> None:
    choice = sdk.chat.completions.create(model="caller", messages=HI, functions=FUNCTIONS).choices[0]
    assert choice.finish_reason == "function_call"
    assert choice.message.tool_calls is None
    assert choice.message.function_call is not None
    assert json.loads(choice.message.function_call.arguments) == {"city": "Bonn"}


def test_an_answer_can_be_sent_back_as_it_came(sdk: openai.OpenAI) -> None:
    message: Any = sdk.chat.completions.create(model="caller", messages=HI, tools=STRICT_TOOLS).choices[0].message
    results: Any = [{"role": "tool", "tool_call_id": call.id, "content": f"sun for {call.id}"} for call in CALLS]
    for form in (message, message.model_dump()):
        again = sdk.chat.completions.create(model="echo", messages=[*HI, form, *results], tools=STRICT_TOOLS)
        assert again.choices[0].message.content == "You said: sun for call_2"


def test_parse_reads_structured_answers_and_strict_calls(sdk: openai.OpenAI) -> None:
    parsed = sdk.chat.completions.parse(model="json", messages=HI, response_format=Person).choices[0].message.parsed
    assert parsed == Person(name="Ada", age=36)
    message = sdk.chat.completions.parse(model="caller", messages=HI, tools=STRICT_TOOLS).choices[0].message
    assert [call.function.parsed_arguments for call in message.tool_calls or ()] == [
        Weather(city="Bonn"),
        Weather(city="Köln"),
    ]


def test_parse_tells_of_an_answer_that_was_cut(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        sdk.chat.completions.parse(model="json", messages=HI, response_format=Person, max_completion_tokens=1)


def test_a_stream_is_the_whole_answer_in_parts(sdk: openai.OpenAI) -> None:
    chunks = list(sdk.chat.completions.create(model="echo", messages=HI, stream=True))
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert all(len(chunk.choices) == 1 for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "You said: hi there"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]


def test_the_role_is_told_once_for_each_choice_and_choices_begin_in_order(client: TestClient) -> None:
    body = {"model": "echo", "messages": HI, "stream": True, "n": 3}
    chunks = read_events(client.post("/v1/chat/completions", json=body))
    choices = [chunk["choices"][0] for chunk in chunks]
    assert [choice["index"] for choice in choices if "role" in choice["delta"]] == [0, 1, 2]
    assert [choice["index"] for choice in choices[:3]] == [0, 1, 2]
    assert all("usage" not in chunk for chunk in chunks)


def test_usage_stands_on_a_last_chunk_of_its_own_and_only_where_it_was_asked_for(sdk: openai.OpenAI) -> None:
    options: Any = {"include_usage": True}
    *chunks, last = sdk.chat.completions.create(model="echo", messages=HI, n=2, stream=True, stream_options=options)
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (2, 8)


def test_chunks_are_filled_up_where_their_lengths_are_to_tell_little(client: TestClient) -> None:
    body = {"model": "echo", "messages": HI, "stream": True, "stream_options": {"include_obfuscation": True}}
    chunks = read_events(client.post("/v1/chat/completions", json=body))
    lengths = {len(chunk["obfuscation"]) + len(chunk["choices"][0]["delta"].get("content") or "") for chunk in chunks}
    assert lengths == {0, 32}


def test_the_stream_helper_puts_text_together(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(model="json", messages=HI, response_format=Person) as stream:
        kinds = {event.type for event in stream}
        completion = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert completion.choices[0].message.parsed == Person(name="Ada", age=36)
    assert completion.choices[0].message.role == "assistant"


def test_the_stream_helper_puts_calls_together(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(model="caller", messages=HI, tools=STRICT_TOOLS, n=2) as stream:
        stream.until_done()
        completion = stream.get_final_completion()
    for choice in completion.choices:
        calls = choice.message.tool_calls or []
        assert [(call.id, call.function.name) for call in calls] == [("call_1", "weather"), ("call_2", "weather")]
        assert calls[1].function.parsed_arguments == Weather(city="Köln")
        assert (choice.message.content, choice.finish_reason) == (None, "tool_calls")


def test_text_before_a_call_is_streamed_too(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(model="thinker", messages=HI, tools=STRICT_TOOLS) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.content == "Let me see."
    assert [call.id for call in message.tool_calls or ()] == ["call_1"]


def test_a_stream_in_the_older_form_tells_one_call(sdk: openai.OpenAI) -> None:
    chunks = sdk.chat.completions.create(model="caller", messages=HI, functions=FUNCTIONS, stream=True)
    deltas = [chunk.choices[0].delta.function_call for chunk in chunks]
    parts = [delta for delta in deltas if delta is not None]
    assert "".join(part.name or "" for part in parts) == "weather"
    assert json.loads("".join(part.arguments or "" for part in parts)) == {"city": "Bonn"}


async def chat_at_once(address: str, key: str) -> list[str | None]:
    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0) as client:
        whole = await client.chat.completions.create(model="echo", messages=HI)
        text = ""
        async for chunk in await client.chat.completions.create(model="echo", messages=HI, stream=True):
            text += chunk.choices[0].delta.content or ""
        async with client.chat.completions.stream(model="echo", messages=HI) as stream:
            final = await stream.get_final_completion()
        return [whole.choices[0].message.content, text, final.choices[0].message.content]


def test_the_asynchronous_sdk_reads_the_same(api: Api) -> None:
    with api.listen() as address:
        assert asyncio.run(chat_at_once(address, api.key)) == ["You said: hi there"] * 3


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "kind", "code"),
    [
        ("gone", openai.InternalServerError, "engine_unavailable"),
        ("short", openai.BadRequestError, "context_length_exceeded"),
        ("nobody", openai.NotFoundError, "model_not_found"),
    ],
)
def test_what_is_wrong_before_the_first_word_is_told_by_the_status(
    sdk: openai.OpenAI, model: str, kind: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    with pytest.raises(kind) as caught:
        sdk.chat.completions.create(model=model, messages=HI, stream=stream)
    assert caught.value.code == code


def test_no_error_tells_of_the_servers_insides(client: TestClient) -> None:
    answer = client.post("/v1/chat/completions", json={"model": "full", "messages": HI})
    assert answer.status_code == 503
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("asked", "param", "code"),
    [
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "invalid_type"),
        ({"stop": ["a"] * 5}, "stop", "array_above_max_length"),
        ({"temperature": 2.1}, "temperature", "decimal_above_max_value"),
        ({"n": 129}, "n", "integer_above_max_value"),
        ({"logit_bias": {"one": 1}}, "logit_bias.one", "invalid_value"),
        ({"top_logprobs": 2}, "top_logprobs", "invalid_value"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", "invalid_value"),
        ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
        ({"audio": {"voice": "x", "format": "mp3"}}, "audio", "unsupported_parameter"),
        ({"modalities": ["text", "audio"]}, "modalities", "unsupported_value"),
        ({"temprature": 1}, "temprature", "unknown_parameter"),
        ({"model": None}, "model", "invalid_type"),
    ],
)
def test_each_wrong_parameter_is_named(client: TestClient, asked: dict[str, Any], param: str, code: str) -> None:
    answer = client.post("/v1/chat/completions", json={"model": "echo", "messages": HI, **asked})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error["param"], error["code"]) == (param, code)


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file"])
def test_parts_that_no_model_here_reads_are_refused(client: TestClient, kind: str) -> None:
    parts = [{"type": "text", "text": "look"}, {"type": kind, kind: {}}]
    answer = client.post(
        "/v1/chat/completions", json={"model": "echo", "messages": [{"role": "user", "content": parts}]}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "unsupported_value"
    assert "no " in answer.json()["error"]["message"]


def test_parameters_without_an_effect_are_taken(client: TestClient) -> None:
    idle = {
        "user": "u",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "service_tier": "flex",
        "reasoning_effort": "low",
        "verbosity": "low",
        "modalities": ["text"],
        "prediction": {"type": "content", "content": "x"},
        "metadata": {"a": "b"},
        "audio": None,
        "web_search_options": None,
        "moderation": None,
    }
    assert client.post("/v1/chat/completions", json={"model": "echo", "messages": HI, **idle}).status_code == 200
    nulls = dict.fromkeys(idle)
    assert client.post("/v1/chat/completions", json={"model": "echo", "messages": HI, **nulls}).status_code == 200


def test_a_rater_may_not_chat(api: Api) -> None:
    with api.open_client(api.create_key("rater")) as client:
        assert client.post("/v1/chat/completions", json={"model": "echo", "messages": HI}).status_code == 403


def test_chats_are_counted_by_how_they_end(api: Api, client: TestClient) -> None:
    client.post("/v1/chat/completions", json={"model": "echo", "messages": HI})
    client.post("/v1/chat/completions", json={"model": "gone", "messages": HI})
    metrics = client.get("/metrics").text
    assert 'luthier_chats_total{model="echo-2024-07-18",outcome="stop"} 1.0' in metrics
    assert 'luthier_chats_total{model="gone-2024-07-18",outcome="engine_unavailable"} 1.0' in metrics
    assert 'luthier_completion_tokens_total{model="echo-2024-07-18"} 4.0' in metrics
    assert "luthier_open_chats 0.0" in metrics
    assert api.services.chats.count == 0


@pytest.mark.parametrize("logs_content", [False, True])
def test_prompts_and_answers_are_logged_only_when_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, logs_content: bool
) -> None:
    api = build_api(tmp_path / "home", logs_content=logs_content)
    body = {"model": "smollm2-135m", "messages": [{"role": "user", "content": "a secret"}]}
    with caplog.at_level("INFO"), api.open_client() as client:
        client.post("/v1/chat/completions", json=body)
    told = [str(record.__dict__) for record in caplog.records]
    assert any("chat ended: stop" in line for line in told)
    assert any("a secret" in line for line in told if "luthier" in line) is logs_content
    api.home.database.close()


def test_a_chat_counts_as_open_while_it_is_answered(tmp_path: Path) -> None:
    seen: list[bool] = []

    def look(_messages: tuple[Message, ...]) -> str:
        seen.append(b"luthier_open_chats 1.0" in api.services.metrics.render())
        return "well"

    api = build_api(tmp_path / "home", answers={"smollm2-135m": look})
    with api.open_client() as client:
        client.post("/v1/chat/completions", json={"model": "smollm2-135m", "messages": HI})
    assert seen == [True]
    api.home.database.close()
