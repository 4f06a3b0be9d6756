from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import pytest

import luthier
from luthier.conversation import Message
from luthier.engine.protocol import Request, Sampling, Structure
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import InvalidStructure, UnknownModel

if TYPE_CHECKING:
    from luthier.engine.answer import Answer
    from luthier.models.catalog import Base
    from luthier.store.home import Home

TOOLS = '[{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]'
ASKED: list[Request] = []


class Listening(ScriptedEngine):
    def submit(self, request: Request) -> Answer:
        ASKED.append(request)
        return super().submit(request)


ENGINE = Listening({"echo": lambda messages: messages[-1].content})


def test_what_is_asked_reaches_the_engine(home: Home) -> None:
    response = luthier.chat("echo", "hi", system="", structure="choice:a|b", tools=TOOLS, engine=ENGINE, home=home)
    assert response.text == "hi"
    asked = ASKED[-1]
    assert (asked.messages, asked.tools) == ((Message("user", "hi"),), TOOLS)
    assert asked.structure == Structure("choice", '["a", "b"]')
    luthier.chat("echo", "hi", system="be brief", engine=ENGINE, home=home)
    assert ASKED[-1].messages[0] == Message("system", "be brief")
    conversation = [Message("system", "its own"), Message("user", "hi")]
    luthier.chat("echo", conversation, system="be brief", engine=ENGINE, home=home)
    assert ASKED[-1].messages == tuple(conversation)


def test_a_stream_gives_the_answer_in_pieces(home: Home) -> None:
    pieces = luthier.stream("echo", "one two three", system="", engine=ENGINE, home=home)
    assert [piece.text for piece in pieces] == ["one", " two", " three"]


def test_leaving_a_stream_cancels_the_rest(home: Home) -> None:
    answers: list[Answer] = []

    class Kept(ScriptedEngine):
        def submit(self, request: Request) -> Answer:
            answers.append(super().submit(request))
            return answers[-1]

    def sleep_after_the_first_word(seconds: float) -> None:
        sleeps.append(seconds)
        assert len(sleeps) == 1 or is_left.wait(300)

    sleeps: list[float] = []
    is_left = Event()
    engine = Kept(ENGINE.answers, word_seconds=1, sleep=sleep_after_the_first_word)
    pieces = luthier.stream("echo", "one two three", system="", engine=engine, home=home)
    assert next(iter(pieces)).text == "one"
    pieces.close()
    assert answers[0].is_cancelled
    is_left.set()


def test_the_embedded_engine_streams_what_it_answers(home: Home, tiny_base: Base) -> None:
    model, sampling = str(tiny_base.folder), Sampling(max_tokens=8)
    whole = luthier.chat(model, "hello", sampling=sampling, home=home).text
    assert "".join(piece.text for piece in luthier.stream(model, "hello", sampling=sampling, home=home)) == whole


def test_mistakes_are_raised_before_an_engine_starts(home: Home) -> None:
    with pytest.raises(UnknownModel):
        luthier.chat("nobody", "hi", home=home)
    with pytest.raises(InvalidStructure):
        luthier.chat("echo", "hi", system="", structure="jsn", engine=ENGINE, home=home)
