from __future__ import annotations

import pytest

from luthier.conversation import Message
from luthier.engine.protocol import Engine, ModelIdentity, Request, Response, Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import UnknownModel

PROMPT = (Message("user", "say something"),)
ENGINE = ScriptedEngine({"echo": lambda messages: messages[-1].content, "poet": lambda _: "one  two\nthree END four"})


def ask(model: str, sampling: Sampling | None = None, prompt: tuple[Message, ...] = PROMPT) -> Response:
    engine: Engine = ENGINE
    return engine.generate([Request(model, prompt, sampling or Sampling())])[0]


def test_answers_come_in_the_order_of_the_requests() -> None:
    steps: list[int] = []
    requests = [Request(model, PROMPT, Sampling()) for model in ("poet", "echo", "poet")]
    texts = [response.text for response in ENGINE.generate(requests, on_progress=steps.append)]
    assert texts == ["one  two\nthree END four", "say something", "one  two\nthree END four"]
    assert sum(steps) == 3


def test_an_answer_longer_than_max_tokens_is_cut() -> None:
    response = ask("poet", Sampling(max_tokens=2))
    assert (response.text, response.finish_reason, response.completion_tokens) == ("one  two", "length", 2)


def test_an_answer_of_exactly_max_tokens_is_whole() -> None:
    assert ask("poet", Sampling(max_tokens=5)).finish_reason == "stop"


def test_the_earliest_stop_text_ends_the_answer_and_is_left_out() -> None:
    response = ask("poet", Sampling(stop=("four", "END")))
    assert (response.text, response.finish_reason, response.completion_tokens) == ("one  two\nthree ", "stop", 3)
    assert ask("poet", Sampling(stop=("END",), max_tokens=2)).finish_reason == "length"


def test_equal_prompts_have_equal_hashes_whatever_the_model() -> None:
    assert ask("echo").prompt_hash == ask("poet").prompt_hash
    assert ask("echo").prompt_hash != ask("echo", prompt=(Message("system", "say something"),)).prompt_hash
    assert ask("echo").prompt_tokens == 2


def test_an_unknown_model_is_refused_with_a_near_name() -> None:
    with pytest.raises(UnknownModel) as caught:
        ENGINE.identify("poe")
    assert caught.value.hint == "did you mean poet?"
    with pytest.raises(UnknownModel):
        ask("poe")


def test_an_identity_can_be_given() -> None:
    given = ModelIdentity("poet", "smollm2", "weights", "template", frozenset({"seen"}))
    engine = ScriptedEngine(ENGINE.answers, {"poet": given})
    assert engine.identify("poet") is given
    assert engine.identify("echo").weights_hash != given.weights_hash
