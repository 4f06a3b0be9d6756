"""Requests in the words of several servers."""

from __future__ import annotations

import json

import pytest

from luthier.conversation import Message, ToolCall
from luthier.engine.protocol import Request, Sampling, Structure
from luthier.engine.remote.dialect import LLAMA_CPP, OPENAI, PLAIN, VLLM, Dialect, ServedModel, recognise_dialect
from luthier.engine.remote.payload import build_body, estimate_tokens, hash_request, write_messages
from luthier.errors import InvalidRequest, InvalidStructure

TOOLS = json.dumps([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}])


def build_request(sampling: Sampling | None = None, structure: Structure | None = None) -> Request:
    return Request("m", (Message("user", "hi"),), sampling or Sampling(), structure=structure)


def test_messages_keep_all_but_their_weight() -> None:
    call = ToolCall("call_1", "f", "{}")
    messages = (
        Message("developer", "be brief"),
        Message("assistant", "", tool_calls=(call,), is_trained=False),
        Message("tool", "42", tool_call_id="call_1"),
    )
    assert write_messages(messages) == [
        {"role": "developer", "content": "be brief"},
        {"role": "assistant", "content": "", "tool_calls": [call.to_openai()]},
        {"role": "tool", "content": "42", "tool_call_id": "call_1"},
    ]


def test_openai_is_told_only_what_differs_from_its_defaults() -> None:
    body = build_body(build_request(), OPENAI, is_streaming=False)
    assert set(body) == {"model", "messages", "temperature", "max_completion_tokens"}


@pytest.mark.parametrize("dialect", [VLLM, LLAMA_CPP, PLAIN])
def test_a_server_with_defaults_of_its_own_is_told_all(dialect: Dialect) -> None:
    body = build_body(build_request(), dialect, is_streaming=False)
    assert body["top_p"] == 1.0
    assert body["max_tokens"] == 256


def test_a_schema_is_to_be_kept_strictly() -> None:
    body = build_body(
        build_request(structure=Structure("json_schema", '{"type": "object"}')), PLAIN, is_streaming=False
    )
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert body["response_format"]["json_schema"]["strict"] is True


@pytest.mark.parametrize("value", ["[]", "[1]", '{"a": 1}', "["])
def test_choices_are_a_list_of_texts(value: str) -> None:
    with pytest.raises(InvalidStructure):
        build_body(build_request(structure=Structure("choice", value)), VLLM, is_streaming=False)


def test_llama_cpp_knows_top_k_and_no_choice() -> None:
    assert build_body(build_request(Sampling(top_k=3)), LLAMA_CPP, is_streaming=False)["top_k"] == 3
    with pytest.raises(InvalidRequest, match=r"llama\.cpp"):
        build_body(build_request(structure=Structure("choice", '["a"]')), LLAMA_CPP, is_streaming=False)


def test_log_probs_without_alternatives_are_asked_for_alone() -> None:
    body = build_body(build_request(Sampling(top_log_probs=0)), PLAIN, is_streaming=False)
    assert body["logprobs"] is True
    assert "top_logprobs" not in body


def test_tools_go_along_even_where_none_may_be_called() -> None:
    request = Request("m", (Message("user", "hi"),), Sampling(), tools=TOOLS, tool_choice="none")
    body = build_body(request, PLAIN, is_streaming=False)
    assert body["tools"] == json.loads(TOOLS)
    assert body["tool_choice"] == "none"


def test_the_hash_is_of_the_question_and_its_tools() -> None:
    plain = build_request()
    assert hash_request(plain) == hash_request(build_request(Sampling(seed=1)))
    assert hash_request(plain) != hash_request(Request("m", plain.messages, Sampling(), tools=TOOLS))


def test_the_estimate_grows_with_prompt_and_answer() -> None:
    short = build_request(Sampling(max_tokens=10))
    assert estimate_tokens(short) == 10
    assert estimate_tokens(Request("m", (Message("user", "x" * 400),), short.sampling)) == 110


def test_servers_are_known_by_who_owns_their_models() -> None:
    assert recognise_dialect([ServedModel("a", owned_by="me"), ServedModel("b", owned_by="vllm")]) is VLLM
    assert recognise_dialect([ServedModel("a", owned_by="llamacpp")]) is LLAMA_CPP
    assert recognise_dialect([ServedModel("a", owned_by="openai")]) is PLAIN
    assert recognise_dialect([]) is PLAIN
