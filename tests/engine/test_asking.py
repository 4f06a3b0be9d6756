"""Many requests are answered in their order, however they end."""

from __future__ import annotations

import pytest

from luthier.conversation import Message
from luthier.engine.answer import Answer
from luthier.engine.asking import ask, await_each, generate
from luthier.engine.protocol import Request, Response, Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import MachineError, UnknownModel

ENGINE = ScriptedEngine({"echo": lambda messages: messages[-1].content})


def make_requests(*models: str) -> list[Request]:
    return [Request(model, (Message("user", f"{place}"),), Sampling()) for place, model in enumerate(models)]


def make_response(text: str) -> Response:
    return Response(text, "stop", prompt_tokens=1, completion_tokens=1, prompt_hash="hash")


def test_outcomes_come_in_the_order_of_the_requests_and_one_failure_stops_no_other() -> None:
    counts: list[int] = []
    first, failed, last = ask(ENGINE, make_requests("echo", "nobody", "echo"), on_progress=counts.append)
    assert isinstance(first, Response)
    assert isinstance(last, Response)
    assert (first.text, last.text) == ("0", "2")
    assert isinstance(failed, UnknownModel)
    assert counts == [1, 1, 1]


def test_generate_raises_the_first_failure_after_all_have_ended() -> None:
    counts: list[int] = []
    with pytest.raises(UnknownModel, match="nobody"):
        generate(ENGINE, make_requests("nobody", "echo", "nowhere"), on_progress=counts.append)
    assert sum(counts) == 3
    assert [response.text for response in generate(ENGINE, make_requests("echo", "echo"))] == ["0", "1"]


def test_nothing_asked_is_nothing_answered() -> None:
    assert ask(ENGINE, []) == []


def test_each_is_told_as_it_ends() -> None:
    answers = [Answer() for _ in range(3)]
    ended = await_each(answers)
    answers[2].finish(make_response("c"))
    assert next(ended).place == 2
    answers[0].fail(MachineError("it broke"))
    answers[1].finish(make_response("b"))
    assert [end.place for end in ended] == [0, 1]


def test_leaving_early_cancels_what_is_not_answered() -> None:
    answers = [Answer() for _ in range(3)]
    answers[1].finish(make_response("b"))
    for end in await_each(answers):
        assert end.place == 1
        break
    assert [answer.is_cancelled for answer in answers] == [True, False, True]
