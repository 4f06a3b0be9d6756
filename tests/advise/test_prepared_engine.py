from __future__ import annotations

import pytest

from luthier.advise.prepared_engine import PreparedEngine
from luthier.advise.prompts import PreparedPrompt, Question
from luthier.conversation import Message
from luthier.engine.protocol import Request, Sampling
from luthier.engine.scripted_engine import ScriptedEngine

ASKED = (Message("user", "?"),)
PREPARED = (Message("system", "help"), Message("user", "?"))


def build(recipe: str = "few-shot") -> PreparedEngine:
    inner = ScriptedEngine({"clerk": lambda messages: " ".join(message.content for message in messages)})
    prompts = {Question(ASKED): PreparedPrompt(PREPARED)}
    return PreparedEngine(inner, "clerk", "clerk with examples", prompts, recipe)


def request() -> Request:
    return Request("clerk with examples", ASKED, Sampling())


def test_the_model_reads_the_prepared_prompt() -> None:
    assert build().submit(request()).wait().text == "help ?"


def test_it_says_the_hash_of_what_the_model_reads() -> None:
    engine = build()
    assert engine.hash_prompt(request()) == engine.submit(request()).wait().prompt_hash


def test_two_ways_of_preparing_are_two_identities_of_the_same_weights() -> None:
    plain = build().inner.identify("clerk")
    one, other = (build(recipe).identify("anything") for recipe in ("few-shot", "retrieval"))
    assert one.name == "clerk with examples"
    assert one.weights_hash == other.weights_hash == plain.weights_hash
    assert len({one.template_hash, other.template_hash, plain.template_hash}) == 3


def test_a_question_that_nobody_prepared_is_not_asked_as_it_stands() -> None:
    with pytest.raises(KeyError):
        build().submit(Request("clerk with examples", PREPARED, Sampling()))


def test_closing_it_leaves_the_inner_engine_open() -> None:
    engine = build()
    engine.close()
    assert engine.submit(request()).wait().text == "help ?"
