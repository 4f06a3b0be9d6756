from __future__ import annotations

import json
from typing import Any

import pytest

from luthier.engine.protocol import Request, Sampling, Structure
from luthier.server.openai.chat.asking import build_requests
from luthier.server.openai.schema.chat import ChatRequest
from luthier.server.problems import Problem

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
TIME = {"function": {"strict": False, "name": "time"}, "type": "function"}
SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "integer"}}}
UNWRITABLE = {"type": "object", "not": {}}


def build(**asked: Any) -> list[Request]:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **asked}
    return build_requests(ChatRequest.model_validate(body), "local")


def build_one(**asked: Any) -> Request:
    (request,) = build(**asked)
    return request


def refuse(**asked: Any) -> str | None:
    with pytest.raises(Problem) as caught:
        build(**asked)
    assert caught.value.status_code == 400
    return caught.value.param


def format_schema(schema: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "s", **({"schema": schema} if schema else {}), **more}}


def test_what_is_left_out_or_null_is_as_openai_has_it() -> None:
    nulls = dict.fromkeys(["temperature", "top_p", "n", "stop", "logit_bias", "seed", "tools", "tool_choice"])
    for request in (build_one(), build_one(**nulls)):
        assert request.sampling == Sampling(temperature=1.0, top_p=1.0, max_tokens=None)
        assert (request.model, request.tools, request.tool_choice, request.structure) == ("local", "", "auto", None)


def test_every_option_of_sampling_reaches_the_engine() -> None:
    assert build_one(
        temperature=0,
        top_p=0.5,
        max_completion_tokens=7,
        stop=["a", "b"],
        seed=-3,
        presence_penalty=1,
        frequency_penalty=-1.5,
        logit_bias={"5": -100, "6": 0.5},
        logprobs=True,
        top_logprobs=2,
    ).sampling == Sampling(
        temperature=0,
        top_p=0.5,
        max_tokens=7,
        stop=("a", "b"),
        seed=-3,
        presence_penalty=1,
        frequency_penalty=-1.5,
        logit_bias=((5, -100), (6, 0.5)),
        top_log_probs=2,
    )


def test_older_names_and_single_values_mean_the_same() -> None:
    sampling = build_one(max_tokens=7, stop="a", logprobs=True).sampling
    assert (sampling.max_tokens, sampling.stop, sampling.top_log_probs) == (7, ("a",), 0)
    assert build_one(logprobs=False).sampling.top_log_probs is None


def test_a_top_p_of_zero_leaves_the_likeliest_token() -> None:
    assert 0 < build_one(top_p=0).sampling.top_p < 1e-6


def test_several_answers_have_seeds_of_their_own_and_the_first_is_that_of_one_alone() -> None:
    seeds = [request.sampling.seed for request in build(n=3, seed=5)]
    assert seeds[0] == 5
    assert len(set(seeds)) == 3
    assert seeds == [request.sampling.seed for request in build(n=3, seed=5)]
    assert set(seeds).isdisjoint(request.sampling.seed for request in build(n=3, seed=6))
    assert [request.sampling.seed for request in build(n=2)] == [None, None]


def test_a_response_format_becomes_a_structure() -> None:
    assert build_one(response_format={"type": "text"}).structure is None
    assert build_one(response_format={"type": "json_object"}).structure == Structure("json_object")
    strict = build_one(response_format=format_schema(SCHEMA, strict=True)).structure
    assert strict == Structure("json_schema", json.dumps(SCHEMA))
    assert build_one(response_format=format_schema(None)).structure == Structure("json_object")


def test_a_schema_that_no_grammar_guarantees_is_refused_only_where_it_is_strict() -> None:
    assert build_one(response_format=format_schema(UNWRITABLE)).structure == Structure("json_object")
    assert refuse(response_format=format_schema(UNWRITABLE, strict=True)) == "response_format"


def test_tools_reach_the_template_letter_for_letter() -> None:
    assert build_one(tools=[TIME, WEATHER]).tools == json.dumps([TIME, WEATHER])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "time"}}, "time"),
    ],
)
def test_a_tool_choice_is_a_mode_or_the_name_of_a_function(choice: Any, expected: str) -> None:
    assert build_one(tools=[TIME, WEATHER], tool_choice=choice).tool_choice == expected


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_of_allowed_tools_the_model_sees_no_others(mode: str) -> None:
    allowed = {"mode": mode, "tools": [{"type": "function", "function": {"name": "time"}}]}
    request = build_one(tools=[TIME, WEATHER], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert (request.tools, request.tool_choice) == (json.dumps([TIME]), mode)


def test_the_older_form_of_tools_allows_one_call() -> None:
    request = build_one(functions=[WEATHER["function"]], function_call={"name": "weather"})
    assert (request.tools, request.tool_choice) == (json.dumps([WEATHER]), "weather")
    assert not request.parallel_tool_calls
    assert build_one(functions=[WEATHER["function"]]).tool_choice == "auto"


def test_parallel_calls_are_allowed_unless_forbidden() -> None:
    assert build_one(tools=[TIME]).parallel_tool_calls
    assert not build_one(tools=[TIME], parallel_tool_calls=False).parallel_tool_calls


def test_choices_that_do_not_go_with_the_tools_are_refused_by_name() -> None:
    unknown = {"type": "function", "function": {"name": "wind"}}
    assert refuse(tool_choice="required") == "tool_choice"
    assert refuse(tools=[TIME], tool_choice=unknown) == "tool_choice"
    assert refuse(tools=[TIME, TIME]) == "tools"
    assert refuse(functions=[{"name": "f"}], function_call={"name": "g"}) == "function_call"
    allowed = {"mode": "auto", "tools": [unknown]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    assert refuse(tools=[TIME], tool_choice=choice) == "tool_choice.allowed_tools"
