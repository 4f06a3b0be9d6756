"""Chats with a real model, tiny and random: structures, calls, log-probabilities and seeds come from its tokens."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Literal

import openai
import pytest
from pydantic import BaseModel

from luthier.engine.torch_engine import TorchEngine
from luthier.models.registry import resolve_model
from luthier.settings import Settings
from luthier.store.home import Home
from tests.engine.tools.templates import HERMES, build_tool_template
from tests.support.api import build_api
from tests.support.tiny import CONTEXT_LENGTH, build_model

if TYPE_CHECKING:
    from collections.abc import Iterator

HI: Any = [{"role": "user", "content": "hi"}]
MODEL = "gpt-4o-mini"


class Light(BaseModel):
    room: Literal["hall", "Küche"]
    level: Literal[0, 50, 100]


LIGHT_TOOL: Any = openai.pydantic_function_tool(Light, name="set_light")
LOOSE_TOOL: Any = {"type": "function", "function": {"name": "stop_all"}}


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    folder = tmp_path_factory.mktemp("tiny")
    template = build_tool_template(HERMES)
    build_model(vocab_size=len(template.tokenizer)).save_pretrained(folder)
    template.tokenizer.save_pretrained(folder)
    home = Home(Settings(home=tmp_path_factory.mktemp("home")))
    engine = TorchEngine(lambda name: resolve_model(home, name), precision="float32")
    api = build_api(home.path, engine=engine, aliases={f"{MODEL}-2024-07-18": str(folder)})
    with api.open_sdk() as sdk:
        yield sdk
    engine.close()
    api.home.database.close()


def ask(sdk: openai.OpenAI, **asked: Any) -> Any:
    asked = {"model": MODEL, "messages": HI, "max_completion_tokens": 200, "seed": 1, **asked}
    return sdk.chat.completions.create(**asked)


def test_an_answer_that_must_follow_a_schema_does(sdk: openai.OpenAI) -> None:
    for seed in range(3):
        parsed = sdk.chat.completions.parse(model=MODEL, messages=HI, response_format=Light, seed=seed)
        light = parsed.choices[0].message.parsed
        assert light is not None
        assert light.level in (0, 50, 100)
    with sdk.chat.completions.stream(model=MODEL, messages=HI, response_format=Light, seed=1) as stream:
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Light)


def test_any_json_object_is_one(sdk: openai.OpenAI) -> None:
    biased = {"92": 30}  # of the closing bracket, for a random model would not come to an end
    choice = ask(sdk, response_format={"type": "json_object"}, logit_bias=biased).choices[0]
    assert isinstance(json.loads(choice.message.content), dict)
    assert choice.finish_reason == "stop"


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "set_light"}}])
def test_a_call_that_is_demanded_follows_its_schema(sdk: openai.OpenAI, choice: Any) -> None:
    asked: Any = {"model": MODEL, "messages": HI, "tools": [LIGHT_TOOL], "tool_choice": choice, "seed": 3}
    with sdk.chat.completions.stream(**asked, parallel_tool_calls=False) as stream:
        streamed = stream.get_final_completion().choices[0]
    whole = sdk.chat.completions.parse(**asked, parallel_tool_calls=False).choices[0]
    for answer in (streamed, whole):
        assert (answer.message.content, answer.finish_reason) == (None, "tool_calls")
        (call,) = answer.message.tool_calls or ()
        assert isinstance(call.function.parsed_arguments, Light)
    assert streamed.message.tool_calls
    assert whole.message.tool_calls
    assert streamed.message.tool_calls[0].function.arguments == whole.message.tool_calls[0].function.arguments


def test_of_allowed_tools_one_is_called(sdk: openai.OpenAI) -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "stop_all"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    message = ask(sdk, tools=[LIGHT_TOOL, LOOSE_TOOL], tool_choice=choice).choices[0].message
    assert {call.function.name for call in message.tool_calls} == {"stop_all"}


def test_where_the_model_may_call_a_strict_function_it_may_also_speak(sdk: openai.OpenAI) -> None:
    choice = ask(sdk, tools=[LIGHT_TOOL], max_completion_tokens=5).choices[0]
    assert (choice.finish_reason, choice.message.tool_calls) == ("length", None)
    assert choice.message.content


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_are_told_of_every_token_of_the_text(sdk: openai.OpenAI, stream: bool) -> None:
    answer = ask(sdk, logprobs=True, top_logprobs=3, max_completion_tokens=30, stream=stream)
    choices = [chunk.choices[0] for chunk in answer] if stream else answer.choices
    text = "".join((each.delta if stream else each.message).content or "" for each in choices)
    tokens = [token for each in choices if each.logprobs for token in each.logprobs.content or ()]
    assert len(tokens) == 30
    told = b"".join(bytes(token.bytes) for token in tokens if token.bytes is not None)
    assert told.decode(errors="ignore") == text.replace("\N{REPLACEMENT CHARACTER}", "")
    for token in tokens:
        assert token.logprob <= 0
        best = [other.logprob for other in token.top_logprobs]
        assert (len(best), best) == (3, sorted(best, reverse=True))
        assert sum(math.exp(log_prob) for log_prob in best) <= 1 + 1e-6


def test_no_log_probabilities_are_told_of_a_call(sdk: openai.OpenAI) -> None:
    choice = {"type": "function", "function": {"name": "set_light"}}
    asked = {"tools": [LIGHT_TOOL], "tool_choice": choice, "logprobs": True}
    assert ask(sdk, **asked).choices[0].logprobs.content == []
    told = [chunk.choices[0].logprobs for chunk in ask(sdk, **asked, stream=True)]
    assert not any(each.content for each in told if each is not None)


def test_the_same_seed_gives_the_same_answers_and_several_differ(sdk: openai.OpenAI) -> None:
    one, again = (ask(sdk, n=3, max_completion_tokens=20) for _ in range(2))
    texts = [choice.message.content for choice in one.choices]
    assert texts == [choice.message.content for choice in again.choices]
    assert len(set(texts)) == 3
    assert ask(sdk, max_completion_tokens=20).choices[0].message.content == texts[0]


def test_without_a_limit_an_answer_goes_as_far_as_the_context(sdk: openai.OpenAI) -> None:
    endless = {"257": -100}  # the end of the turn
    answer = ask(sdk, max_completion_tokens=None, logit_bias=endless)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.total_tokens == CONTEXT_LENGTH


def test_what_does_not_fit_is_told_in_openais_code(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(sdk, messages=[{"role": "user", "content": "x" * CONTEXT_LENGTH}])
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    assert "/" not in caught.value.message  # where the base lies
    for name, others in {"max_tokens": {"max_completion_tokens": None}, "max_completion_tokens": {}}.items():
        with pytest.raises(openai.BadRequestError, match=f"is 5000, the model's context {CONTEXT_LENGTH}") as caught:
            ask(sdk, **{**others, name: 5000})
        assert (caught.value.code, caught.value.param) == ("invalid_value", name)
        assert "/" not in caught.value.message  # where the base lies
    with pytest.raises(openai.BadRequestError, match="logit_bias names token 900"):
        ask(sdk, logit_bias={"900": 1})


def test_a_developer_is_heard_as_the_system(sdk: openai.OpenAI) -> None:
    answers = [
        ask(sdk, messages=[{"role": role, "content": "Be brief."}, *HI], temperature=0, max_completion_tokens=8)
        for role in ("developer", "system")
    ]
    assert answers[0].usage.prompt_tokens == answers[1].usage.prompt_tokens
    assert answers[0].choices[0].message.content == answers[1].choices[0].message.content
