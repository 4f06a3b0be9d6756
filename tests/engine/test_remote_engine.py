"""Real HTTP on the loopback: what a server does, and what the one who asked gets to know of it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from random import Random
from typing import Any

import pytest

from luthier.conversation import Message, ToolCall
from luthier.engine import asking
from luthier.engine.protocol import Alternative, Request, Response, Sampling, Structure, TokenLogProb
from luthier.engine.remote.options import Circumstances
from luthier.engine.remote_engine import RemoteEngine
from luthier.errors import (
    DeadlineExceeded,
    EngineUnavailable,
    InvalidRequest,
    InvalidStructure,
    LuthierError,
    PromptTooLong,
    RequestCancelled,
    UnknownModel,
)
from luthier.settings import Settings
from tests.support.openai_server import (
    OpenAIServer,
    Reply,
    answer,
    error_reply,
    event,
    json_reply,
    part,
    stream_reply,
    usage_part,
)

SECONDS = 300.0
"""A test that waits so long has failed."""

NOW = 1_790_000_000.0
"""Seconds since the epoch, in the September before the table of prices was read."""


@dataclass
class FakeTime:
    """Whoever sleeps moves it on."""

    elapsed: float = 0.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds
        await asyncio.sleep(0)

    @property
    def circumstances(self) -> Circumstances:
        return Circumstances(
            clock=lambda: self.elapsed, now=lambda: NOW + self.elapsed, sleep=self.sleep, random=Random(0)
        )


@dataclass
class Stage:
    server: OpenAIServer
    engine: RemoteEngine
    time: FakeTime

    @property
    def model(self) -> str:
        return f"{self.server.url}#m"

    def request(self, text: str = "hi", **changes: Any) -> Request:
        changes.setdefault("sampling", Sampling(max_tokens=32))
        return Request(self.model, (Message("user", text),), **changes)

    def ask(self, **changes: Any) -> Response:
        return self.engine.submit(self.request(**changes)).wait(SECONDS)

    def fail(self, **changes: Any) -> LuthierError:
        outcome = self.engine.submit(self.request(**changes)).wait_for_outcome(SECONDS)
        assert isinstance(outcome, LuthierError), outcome
        return outcome

    @property
    def body(self) -> Any:
        return self.server.chats[-1].body


@contextmanager
def stage(*script: Reply, models: Reply | None = None, is_streaming: bool = False, **settings: Any) -> Iterator[Stage]:
    time = FakeTime()
    with (
        OpenAIServer(*script, models=models) as server,
        RemoteEngine(Settings(**settings), is_streaming=is_streaming, circumstances=time.circumstances) as engine,
    ):
        yield Stage(server, engine, time)


def listing(*names: str, **fields: Any) -> Reply:
    return json_reply({"object": "list", "data": [{"id": name, "object": "model", **fields} for name in names]})


VLLM_LIST = listing("m", owned_by="vllm", created=int(NOW))


def test_a_whole_answer_comes_with_its_counts() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    with stage(json_reply(answer("hello", usage=usage))) as on:
        response = on.ask()
    assert (response.text, response.finish_reason) == ("hello", "stop")
    assert (response.prompt_tokens, response.cached_tokens, response.completion_tokens) == (9, 4, 3)


def test_pieces_come_while_the_server_still_answers() -> None:
    gate = threading.Event()
    reply = stream_reply(part("hel"), part("lo", finish="stop"), usage_part(), gates={1: gate})
    with stage(reply, is_streaming=True) as on:
        coming = on.engine.submit(on.request())
        pieces = iter(coming)
        assert next(pieces).text == "hel"
        assert not coming.is_done
        gate.set()
        assert [piece.text for piece in pieces] == ["lo"]
        response = coming.wait(SECONDS)
    assert (response.text, response.prompt_tokens, response.completion_tokens) == ("hello", 9, 3)
    assert on.body["stream_options"] == {"include_usage": True}


def test_a_server_that_does_not_stream_may_answer_whole_all_the_same() -> None:
    with stage(json_reply(answer("hello")), is_streaming=True) as on:
        coming = on.engine.submit(on.request())
        assert [piece.text for piece in coming] == ["hello"]
        assert on.body["stream"] is True


def test_comments_carriage_returns_halved_characters_and_a_missing_end_do_not_disturb_a_stream() -> None:
    first, last = event(part("hé")).replace(b"\n", b"\r\n"), event(part("llo", finish="stop"))
    middle = first.index("é".encode()) + 1
    chunks = [b": ping\r\n\r\n", first[:middle], first[middle:], last]
    with stage(Reply(headers={"Content-Type": "text/event-stream"}, chunks=chunks), is_streaming=True) as on:
        assert on.ask().text == "héllo"


def test_what_is_asked_for_arrives_in_the_servers_words() -> None:
    sampling = Sampling(
        temperature=0.5,
        top_p=0.9,
        max_tokens=7,
        stop=("\n",),
        seed=3,
        presence_penalty=1.0,
        frequency_penalty=-1.0,
        logit_bias=((5, -100.0),),
        top_log_probs=2,
    )
    token = {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "a", "logprob": -0.5}]}
    whole = answer("a")
    whole["choices"][0]["logprobs"] = {"content": [token]}
    with stage(json_reply(whole)) as on:
        response = on.ask(sampling=sampling)
    assert on.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5,
        "max_tokens": 7,
        "top_p": 0.9,
        "presence_penalty": 1.0,
        "frequency_penalty": -1.0,
        "stop": ["\n"],
        "seed": 3,
        "logit_bias": {"5": -100.0},
        "logprobs": True,
        "top_logprobs": 2,
    }
    assert response.log_probs == (TokenLogProb("a", -0.5, (Alternative("a", -0.5),)),)


def test_a_greedy_request_says_so_since_the_api_would_sample() -> None:
    with stage(json_reply(answer())) as on:
        on.ask()
    assert (on.body["temperature"], on.body["top_p"]) == (0.0, 1.0)


def test_vllm_is_known_by_its_list_and_told_what_its_model_might_else_decide() -> None:
    with stage(json_reply(answer("no")), models=VLLM_LIST) as on:
        on.ask(sampling=Sampling(top_k=5), structure=Structure("choice", '["yes", "no"]'))
        assert on.body["structured_outputs"] == {"choice": ["yes", "no"]}
        assert (on.body["top_k"], on.body["repetition_penalty"], on.body["min_p"]) == (5, 1.0, 0.0)
        on.ask(structure=Structure("regex", "[a-z]+"))
        assert on.body["structured_outputs"] == {"regex": "[a-z]+"}
        assert on.body["top_k"] == -1
        assert sum(request.path == "/v1/models" for request in on.server.received) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sampling": Sampling(top_k=5)}, "has no top_k"),
        ({"structure": Structure("regex", "a+")}, "cannot hold an answer to a regex"),
        ({"structure": Structure("choice", '["a"]')}, "cannot hold an answer to a choice"),
        ({"structure": Structure("json_schema", "{")}, "needs a JSON schema as JSON"),
        ({"tool_choice": "required"}, "has no tools"),
        ({"tools": "[", "tool_choice": "auto"}, "are not JSON"),
    ],
)
def test_what_a_server_cannot_do_is_said_before_it_is_asked(changes: dict[str, Any], words: str) -> None:
    with stage(json_reply(answer())) as on:
        error = on.fail(**changes)
        assert words in error.message
        assert error.code in ("invalid_request", "invalid_structure")
        assert on.server.chats == []


def test_what_cannot_be_written_as_json_is_said_before_it_is_sent() -> None:
    with stage() as on:
        error = on.fail(text="half a \ud83d")
        assert isinstance(error, InvalidRequest)
        assert "message 1 holds half a character" in error.message
        assert on.fail(tools="[").code == "invalid_structure"
        with pytest.raises(InvalidStructure):
            on.engine.hash_prompt(on.request(tools="["))
        assert not on.server.chats


def test_tool_calls_come_whole_and_in_parts() -> None:
    tools = json.dumps([{"type": "function", "function": {"name": "f", "parameters": {}}}])
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    with stage(json_reply(answer(None, finish="tool_calls", tool_calls=[call]))) as on:
        whole = on.ask(tools=tools, tool_choice="f")
        assert on.body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
        assert on.body["tools"] == json.loads(tools)
    begin = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": text}} for text in ('{"a"', ": 1}")]
    reply = stream_reply(*(part(None, tool_calls=[one]) for one in (begin, *rest)), part(finish="stop"), usage_part())
    with stage(reply, is_streaming=True) as on:
        coming = on.engine.submit(on.request(tools=tools))
        assert list(coming) == []
        streamed = coming.wait(SECONDS)
    assert whole.tool_calls == streamed.tool_calls == (ToolCall("call_1", "f", '{"a": 1}'),)
    assert whole.finish_reason == streamed.finish_reason == "tool_calls"


def test_a_refusal_is_the_text_of_the_answer() -> None:
    with stage(json_reply(answer(None, refusal="I will not"))) as on:
        assert on.ask().text == "I will not"
        assert on.ask(structure=Structure("json_object")).text == "I will not"


def test_a_filtered_answer_is_an_answer_that_says_so() -> None:
    filtered = json_reply(answer("half", finish="content_filter"))
    with stage(filtered, error_reply(400, "the prompt was filtered", code="content_filter")) as on:
        assert on.ask().finish_reason == "content_filter"
        assert on.ask().finish_reason == "content_filter"


@pytest.mark.parametrize(
    ("text", "structure", "words"),
    [
        ("maybe", Structure("choice", '["yes", "no"]'), "none of the choices"),
        ("{", Structure("json_schema", "{}"), "did not answer in JSON"),
        ("[]", Structure("json_object"), "with a JSON object"),
    ],
)
def test_a_server_that_ignores_a_structure_is_found_out(text: str, structure: Structure, words: str) -> None:
    with stage(json_reply(answer(text)), models=VLLM_LIST) as on:
        error = on.fail(structure=structure)
    assert isinstance(error, InvalidRequest)
    assert words in error.message


def test_a_call_that_was_demanded_and_is_not_made_is_missed() -> None:
    tools = json.dumps([{"type": "function", "function": {"name": "f"}}])
    with stage(json_reply(answer("no"))) as on:
        assert on.ask(tools=tools).text == "no"
        assert "called no tool" in on.fail(tools=tools, tool_choice="required").message
        assert "called no tool" in on.fail(tools=tools, tool_choice="f").message


def test_a_structured_answer_that_was_cut_is_only_cut() -> None:
    with stage(json_reply(answer('{"a', finish="length"))) as on:
        assert on.ask(structure=Structure("json_object")).finish_reason == "length"


def test_log_probs_that_are_not_told_are_missed() -> None:
    with stage(json_reply(answer())) as on:
        assert "no log-probabilities" in on.fail(sampling=Sampling(top_log_probs=0)).message


def test_an_overloaded_server_is_asked_again_after_longer_and_longer_waits() -> None:
    with stage(*[error_reply(503)] * 4, json_reply(answer("at last"))) as on:
        assert on.ask().text == "at last"
    ceilings = (0.5, 1.0, 2.0, 4.0)
    assert all(ceiling / 2 <= slept <= ceiling for slept, ceiling in zip(on.time.slept, ceilings, strict=True))
    assert len({slept / ceiling for slept, ceiling in zip(on.time.slept, ceilings, strict=True)}) == 4


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_passing_troubles_are_tried_again(status: int) -> None:
    with stage(error_reply(status), json_reply(answer())) as on:
        assert on.ask().text == "hello"
        assert on.engine.find_spending(on.model).retries == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "20"}, 20.0),
        ({"Retry_After": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry_after_ms": "2500", "Retry_After": "90"}, 2.5),
        ({"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "1m2s"}, 62.0),
        ({"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "7s"}, 7.0),
    ],
)
def test_the_wait_that_a_server_asks_for_is_kept(headers: dict[str, str], seconds: float) -> None:
    with stage(error_reply(429, **headers), json_reply(answer())) as on:
        on.ask()
    assert on.time.slept == [pytest.approx(seconds)]


def test_a_wait_beyond_patience_ends_the_request() -> None:
    with stage(error_reply(429, "daily limit", Retry_After="3600")) as on:
        error = on.fail()
    assert isinstance(error, EngineUnavailable)
    assert "asks to wait 3600 seconds" in error.message
    assert on.time.slept == []


def test_a_limit_that_an_answer_has_used_up_holds_the_next_request() -> None:
    spent = {"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "9s"}
    with stage(json_reply(answer(), **spent), json_reply(answer())) as on:
        on.ask()
        assert on.time.slept == []
        on.ask()
    assert on.time.slept == [pytest.approx(9.0)]


def test_tries_that_are_used_up_end_with_the_last_trouble() -> None:
    with stage(error_reply(500, "out of order"), endpoint_tries=3) as on:
        error = on.fail()
        assert len(on.server.chats) == 3
    assert isinstance(error, EngineUnavailable)
    assert "500: out of order (tried 3 times)" in error.message


def test_an_account_without_credit_is_not_asked_again() -> None:
    with stage(error_reply(429, "You exceeded your quota", code="insufficient_quota")) as on:
        error = on.fail()
        assert len(on.server.chats) == 1
    assert isinstance(error, EngineUnavailable)
    assert "credit" in error.hint


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_named_by_its_setting_and_never_shown(status: int) -> None:
    key = "sk-very-secret-1234"
    with stage(error_reply(status, f"Incorrect API key provided: {key}")) as on:
        settings = Settings(endpoint_keys={on.server.url: key})
        with RemoteEngine(settings, is_streaming=False, circumstances=on.time.circumstances) as engine:
            outcome = engine.submit(on.request()).wait_for_outcome(SECONDS)
        assert on.server.chats[0].headers["authorization"] == f"Bearer {key}"
    assert isinstance(outcome, EngineUnavailable)
    assert "endpoint_keys" in outcome.hint
    assert key not in outcome.message + outcome.hint


def test_an_unknown_model_is_told_with_the_near_names() -> None:
    missing = error_reply(404, "The model `gpt-4o-mimi` does not exist", code="model_not_found")
    with stage(missing, models=listing("gpt-4o-mini", "whisper")) as on:
        request = Request(f"{on.server.url}#gpt-4o-mimi", (Message("user", "hi"),), Sampling())
        outcome = on.engine.submit(request).wait_for_outcome(SECONDS)
        with pytest.raises(UnknownModel) as caught:
            on.engine.identify(f"{on.server.url}#gpt-4o-mimi")
    for error in (outcome, caught.value):
        assert isinstance(error, UnknownModel)
        assert "gpt-4o-mimi" in error.message
        assert error.hint == "did you mean gpt-4o-mini?"


def test_a_wrong_path_is_not_taken_for_an_unknown_model() -> None:
    with stage(Reply(404, b"<html><title>404 Not Found</title></html>", {"Content-Type": "text/html"})) as on:
        error = on.fail()
    assert isinstance(error, EngineUnavailable)
    assert "404 Not Found" in error.message
    assert "/v1" in error.hint


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("context_length_exceeded", "Your messages are too much"),
        (None, "This model's maximum context length is 64 tokens. However, your prompt contains 99 input tokens"),
        ("exceed_context_size_error", "request (99 tokens) exceeds the available context size (64 tokens)"),
    ],
)
def test_a_prompt_beyond_the_context_is_told_from_other_bad_requests(code: str | None, message: str) -> None:
    with stage(error_reply(400, message, code=code)) as on:
        assert isinstance(on.fail(), PromptTooLong)


def test_an_answer_that_might_not_fit_is_asked_for_as_long_as_it_may_become() -> None:
    refused = error_reply(
        400,
        "'max_tokens' is too large: 32. This model's maximum context length is 40 tokens and your request has "
        "30 input tokens (32 > 40 - 30).",
    )
    with stage(refused, json_reply(answer("cut", finish="length"))) as on:
        assert on.ask().finish_reason == "length"
        assert [request.body["max_tokens"] for request in on.server.chats] == [32, 10]


def test_an_answer_longer_than_the_context_is_refused_as_such() -> None:
    refused = error_reply(400, "This model's maximum context length is 40 tokens, your request has 3 input tokens")
    with stage(refused) as on:
        error = on.fail(sampling=Sampling(max_tokens=41))
    assert isinstance(error, InvalidRequest)
    assert "max_tokens is 41, the context of m 40" in error.message


def test_any_other_bad_request_keeps_the_servers_words() -> None:
    with stage(error_reply(400, "temperature\x1b[31m does\nnot support 0", param="temperature")) as on:
        error = on.fail()
        assert len(on.server.chats) == 1
    assert isinstance(error, InvalidRequest)
    assert "temperature [31m does not support 0" in error.message
    assert error.hint == "it is about temperature"


@pytest.mark.parametrize(
    "broken",
    [
        Reply(200, b"{not json", {"Content-Type": "application/json"}),
        Reply(200, b'{"choices": 5}', {"Content-Type": "application/json"}),
        Reply(200, b'{"choices": []', {"Content-Type": "application/json"}, is_cut=True),
        json_reply(answer(finish="rather odd")),
        Reply(502, b"<html><title>502 Bad Gateway</title></html>", {"Content-Type": "text/html"}),
        Reply(200, b"xx", {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
    ],
)
def test_nonsense_is_asked_for_again_and_then_told(broken: Reply) -> None:
    with stage(broken, json_reply(answer("well"))) as on:
        assert on.ask().text == "well"
    with stage(broken, endpoint_tries=2) as on:
        assert isinstance(on.fail(), EngineUnavailable)
        assert len(on.server.chats) == 2


def test_a_web_page_is_no_answer() -> None:
    with stage(Reply(200, b"<html>welcome</html>", {"Content-Type": "text/html"})) as on:
        error = on.fail()
        assert len(on.server.chats) == 1
    assert isinstance(error, EngineUnavailable)
    assert "web page" in error.message


def test_a_redirect_is_not_followed_with_the_key() -> None:
    with stage(Reply(307, b"", {"Location": "http://127.0.0.1:1/v1/chat/completions"})) as on:
        error = on.fail()
    assert isinstance(error, EngineUnavailable)
    assert "name that address itself" in error.hint


def test_a_body_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("luthier.engine.remote.connection.LARGEST_BODY", 1000)
    with stage(json_reply(answer("x" * 2000))) as on:
        assert "more than 1000 bytes" in on.fail().message
    with stage(stream_reply(*[part("x" * 500)] * 5, part(finish="stop")), is_streaming=True) as on:
        assert "more than 1000 bytes" in on.fail().message


def test_nobody_listens_at_a_closed_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    time = FakeTime()
    with RemoteEngine(Settings(endpoint_tries=2), circumstances=time.circumstances) as engine:
        request = Request(f"http://127.0.0.1:{port}/v1#m", (Message("user", "hi"),), Sampling())
        outcome = engine.submit(request).wait_for_outcome(SECONDS)
    assert isinstance(outcome, EngineUnavailable)
    assert "can be reached" in outcome.hint


def test_a_server_that_says_nothing_is_given_up() -> None:
    with stage(Reply(gate=threading.Event()), endpoint_tries=1, endpoint_timeout_seconds=0.2) as on:
        error = on.fail()
    assert isinstance(error, EngineUnavailable)
    assert "no answer in time" in error.message


def test_a_stream_that_breaks_goes_on_where_it_was_when_it_begins_alike() -> None:
    cut = stream_reply(part("hel"), part("lo "), is_cut=True)
    whole = stream_reply(part("hello"), part(" world"), part(finish="stop"), usage_part())
    with stage(cut, whole, is_streaming=True) as on:
        coming = on.engine.submit(on.request())
        assert "".join(piece.text for piece in coming) == "hello world"
        assert coming.wait(SECONDS).text == "hello world"


def test_a_stream_that_breaks_and_begins_another_way_fails() -> None:
    cut = stream_reply(part("hello"), is_cut=True)
    with stage(cut, stream_reply(part("howdy"), part(finish="stop")), is_streaming=True) as on:
        error = on.fail()
        assert len(on.server.chats) == 2
    assert isinstance(error, EngineUnavailable)
    assert "began another way" in error.message


def test_a_stream_that_just_ends_is_not_taken_for_an_answer() -> None:
    with stage(stream_reply(part("hel")), is_streaming=True, endpoint_tries=1) as on:
        error = on.fail()
    assert isinstance(error, EngineUnavailable)
    assert "in the middle of an answer" in error.message


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        ({"error": {"message": "the engine died", "code": 500}}, EngineUnavailable),
        ({"error": {"message": "the engine died"}}, EngineUnavailable),
        ({"error": {"message": "bad schema", "code": 400}}, InvalidRequest),
    ],
)
def test_an_error_in_the_middle_of_a_stream_is_told(broken: Any, kind: type[LuthierError]) -> None:
    with stage(stream_reply(part("hel"), broken), is_streaming=True, endpoint_tries=1) as on:
        error = on.fail()
    assert isinstance(error, kind)
    assert broken["error"]["message"] in error.message


def test_log_probs_of_a_stream_are_told_once_over_two_tries() -> None:
    def lettered(letter: str) -> Any:
        return part(letter, logprobs={"content": [{"token": letter, "logprob": -1.0, "top_logprobs": []}]})

    cut = stream_reply(lettered("a"), lettered("b"), is_cut=True)
    whole = stream_reply(*map(lettered, "abc"), part(finish="stop"), usage_part())
    with stage(cut, whole, is_streaming=True) as on:
        coming = on.engine.submit(on.request(sampling=Sampling(top_log_probs=0)))
        told = [log_prob.token for piece in coming for log_prob in piece.log_probs]
        response = coming.wait(SECONDS)
    assert told == [log_prob.token for log_prob in response.log_probs] == ["a", "b", "c"]


def test_a_deadline_ends_the_wait_for_an_answer() -> None:
    with stage(json_reply(answer()), Reply(gate=threading.Event())) as on:
        on.ask()
        error = on.fail(deadline_seconds=1.0)
        assert isinstance(error, DeadlineExceeded)
        assert on.server.aborted.wait(SECONDS)


def test_a_try_that_would_come_after_the_deadline_is_not_waited_for() -> None:
    with stage(error_reply(503, Retry_After="60")) as on:
        error = on.fail(deadline_seconds=30.0)
    assert isinstance(error, DeadlineExceeded)
    assert on.time.slept == []


def test_cancel_closes_the_connection() -> None:
    never = threading.Event()
    reply = stream_reply(part("hel"), part("lo", finish="stop"), gates={1: never})
    with stage(reply, is_streaming=True) as on:
        coming = on.engine.submit(on.request())
        assert next(iter(coming)).text == "hel"
        coming.cancel()
        assert on.server.aborted.wait(SECONDS)


def test_close_fails_what_is_open_and_ends_the_thread() -> None:
    with stage(Reply(gate=threading.Event())) as on:
        waiting = [on.engine.submit(on.request()) for _ in range(40)]
        on.server.wait_for_chats(16, SECONDS)
        on.engine.close()
        outcomes = [answer.wait_for_outcome(SECONDS) for answer in waiting]
        assert all(isinstance(outcome, RequestCancelled) for outcome in outcomes)
        assert isinstance(on.fail(), RequestCancelled)
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("luthier-http")] == []


def test_only_so_many_requests_are_in_flight() -> None:
    gate = threading.Event()
    held = json_reply(answer())
    held.gate = gate
    with stage(held, endpoint_requests_in_flight=3) as on:
        coming = [on.engine.submit(on.request()) for _ in range(12)]
        on.server.wait_for_chats(3, SECONDS)
        for _ in range(3):
            on.engine.identify(on.model)  # takes its turn behind whatever else would have been sent
        assert len(on.server.chats) == 3
        gate.set()
        assert all(one.wait(SECONDS).text == "hello" for one in coming)
        assert len(on.server.chats) == 12


def test_answers_come_in_the_order_of_the_requests_and_one_failure_is_alone() -> None:
    replies = [json_reply(answer(str(number))) for number in range(5)]
    replies[2] = error_reply(400, "not this one")
    with stage(*replies, endpoint_requests_in_flight=1) as on:
        outcomes = asking.ask(on.engine, [on.request() for _ in range(5)])
    assert isinstance(outcomes[2], InvalidRequest)
    assert [outcome.text for outcome in outcomes if isinstance(outcome, Response)] == ["0", "1", "3", "4"]


def test_requests_beyond_the_limit_wait_for_the_next_minute() -> None:
    with stage(json_reply(answer()), endpoint_requests_per_minute=2, endpoint_requests_in_flight=1) as on:
        asking.generate(on.engine, [on.request() for _ in range(5)])
    assert on.time.slept == [pytest.approx(60.0), pytest.approx(60.0)]


def test_tokens_count_as_they_were_used_and_not_as_they_were_feared() -> None:
    sampling = Sampling(max_tokens=200)
    with stage(json_reply(answer()), endpoint_tokens_per_minute=300, endpoint_requests_in_flight=1) as on:
        asking.generate(on.engine, [on.request(sampling=sampling) for _ in range(3)])
        assert on.time.slept == []
        on.ask(sampling=Sampling(max_tokens=290))
    assert on.time.slept == [pytest.approx(60.0)]


TABLE = """
[[price]]
url = "{url}/"
model = "m"
input = 2.0
cached_input = 0.5
output = 8.0
seen = 2026-11-23
source = "a contract"
"""


def test_answers_cost_what_the_table_says_and_the_sum_is_kept(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}}
    table = tmp_path / "prices.toml"
    with stage(json_reply({**answer(usage=usage), "system_fingerprint": "fp_1"})) as on:
        table.write_text(TABLE.format(url=on.server.url))
        settings = Settings(openai_base_url=on.server.url, openai_api_key="sk-1", endpoint_prices=str(table))
        with RemoteEngine(settings, is_streaming=False) as engine:
            request = Request("openai:m-2026-01-31", (Message("user", "hi"),), Sampling())
            responses = asking.generate(engine, [request, request])
            spending = engine.find_spending("openai:m-2026-01-31")
        assert on.server.chats[0].headers["authorization"] == "Bearer sk-1"
    dollars = (600 * 2.0 + 400 * 0.5 + 100 * 8.0) / 1e6
    assert [response.cost_dollars for response in responses] == [pytest.approx(dollars)] * 2
    assert spending.dollars == pytest.approx(2 * dollars)
    assert spending[:5] == (2, 0, 2000, 800, 200)
    assert spending.backends == {"fp_1"}
    assert spending.price is not None
    assert spending.price.source == "a contract"


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 9, "completion_tokens": 3}])
def test_a_cost_that_nobody_knows_is_not_nothing(usage: dict[str, int] | None) -> None:
    with stage(json_reply(answer(usage=usage))) as on:
        assert on.ask().cost_dollars is None
        assert on.engine.find_spending(on.model).dollars is None


def test_the_key_of_openai_does_not_go_to_other_hosts() -> None:
    with stage(json_reply(answer()), openai_api_key="sk-1", endpoint_keys={"http://127.0.0.1:1": "other"}) as on:
        on.ask()
        assert "authorization" not in on.server.chats[0].headers


def test_an_identity_stands_for_name_place_and_making() -> None:
    with stage(json_reply(answer()), models=listing("m", created=1_700_000_000)) as on:
        first = on.engine.identify(on.model)
        on.server.models = listing("m", created=1_750_000_000)
        second = on.engine.identify(on.model)
    assert first.name == first.base == on.model
    assert first.weights_hash != second.weights_hash
    assert first.template_hash == second.template_hash
    assert first.trained_on == frozenset()


def test_a_server_that_reports_the_present_as_the_making_keeps_its_identity() -> None:
    with stage(json_reply(answer()), models=VLLM_LIST) as on:
        first = on.engine.identify(on.model)
        on.time.elapsed += 50
        on.server.models = listing("m", owned_by="vllm", created=int(NOW + 50))
        assert on.engine.identify(on.model) == first


def test_a_server_without_a_list_is_believed() -> None:
    with stage(json_reply(answer()), models=error_reply(404)) as on:
        assert on.engine.identify(on.model).base == on.model
        assert on.ask().text == "hello"


def test_a_model_that_is_not_listed_may_be_known_by_itself() -> None:
    with stage(json_reply(answer()), models=listing("other")) as on:
        on.server.paths["/models/org%2Fm"] = json_reply({"id": "org/m", "object": "model", "created": 3})
        assert on.engine.identify(f"{on.server.url}#org/m").base == f"{on.server.url}#org/m"


def test_the_prompt_hash_depends_on_the_question_alone() -> None:
    with stage(json_reply(answer())) as on:
        request = on.request("one")
        assert on.engine.submit(request).wait(SECONDS).prompt_hash == on.engine.hash_prompt(request)
        assert on.engine.hash_prompt(request) != on.engine.hash_prompt(on.request("two"))


INTERRUPTED = """
import sys
from luthier.conversation import Message
from luthier.engine import asking
from luthier.engine.protocol import Request, Sampling
from luthier.engine.remote_engine import RemoteEngine
from luthier.settings import Settings
engine = RemoteEngine(Settings())
requests = [Request(sys.argv[1] + "#m", (Message("user", "hi"),), Sampling())] * 5
try:
    asking.ask(engine, requests, on_progress=lambda count: print("answered", flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_an_interrupt_leaves_no_thread_that_keeps_the_process() -> None:
    replies = [json_reply(answer()), Reply(gate=threading.Event())]
    with OpenAIServer(*replies) as server:
        command = [sys.executable, "-c", INTERRUPTED, server.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "answered\n"
            server.wait_for_chats(5, SECONDS)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=SECONDS)
        assert server.aborted.wait(SECONDS)
    assert (output, errors, process.returncode) == ("interrupted\n", "", 0)
