from __future__ import annotations

from threading import Event

import pytest

from luthier.conversation import Message, ToolCall
from luthier.engine import asking
from luthier.engine.protocol import Engine, ModelIdentity, Request, Response, Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import (
    DeadlineExceeded,
    EngineUnavailable,
    InvalidRequest,
    LuthierError,
    PromptTooLong,
    RequestCancelled,
    UnknownModel,
)

PROMPT = (Message("user", "say something"),)
CALL = ToolCall("call_1", "find", '{"what": "lamp"}')


def refuse(messages: tuple[Message, ...]) -> str:
    raise PromptTooLong("the prompt has 9 tokens")


def call_tool(messages: tuple[Message, ...]) -> Message:
    return Message("assistant", "let me see", tool_calls=(CALL,))


ENGINE = ScriptedEngine(
    {
        "echo": lambda messages: messages[-1].content,
        "poet": lambda _: "one  two\nthree END four",
        "long-winded": refuse,
        "caller": call_tool,
    }
)


def ask(model: str, sampling: Sampling | None = None, prompt: tuple[Message, ...] = PROMPT) -> Response:
    engine: Engine = ENGINE
    return engine.submit(Request(model, prompt, sampling or Sampling())).wait()


def test_answers_come_in_the_order_of_the_requests() -> None:
    steps: list[int] = []
    requests = [Request(model, PROMPT, Sampling()) for model in ("poet", "echo", "poet")]
    texts = [response.text for response in asking.generate(ENGINE, requests, on_progress=steps.append)]
    assert texts == ["one  two\nthree END four", "say something", "one  two\nthree END four"]
    assert steps == [1, 1, 1]


def test_each_word_is_a_piece_and_the_pieces_are_the_answer() -> None:
    answer = ENGINE.submit(Request("poet", PROMPT, Sampling(stop=("END",))))
    assert [piece.text for piece in answer] == ["one", "  two", "\nthree", " "]
    assert answer.wait().text == "one  two\nthree "


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
    request = Request("echo", PROMPT, Sampling(), tools='[{"type": "function", "function": {"name": "find"}}]')
    assert ENGINE.submit(request).wait().prompt_hash == ENGINE.hash_prompt(request) != ask("echo").prompt_hash


def test_a_script_may_call_tools() -> None:
    response = ask("caller")
    assert (response.text, response.finish_reason, response.tool_calls) == ("let me see", "tool_calls", (CALL,))
    cut = ask("caller", Sampling(max_tokens=2))
    assert (cut.finish_reason, cut.tool_calls) == ("length", ())


def test_an_unknown_model_is_refused_with_a_near_name() -> None:
    with pytest.raises(UnknownModel) as caught:
        ENGINE.identify("poe")
    assert caught.value.hint == "did you mean poet?"
    with pytest.raises(UnknownModel):
        ask("poe")


def test_what_a_script_raises_fails_its_own_answer_and_no_other() -> None:
    requests = [Request(model, PROMPT, Sampling()) for model in ("echo", "long-winded", "echo")]
    first, second, third = asking.ask(ENGINE, requests)
    assert isinstance(second, PromptTooLong)
    assert isinstance(first, Response)
    assert first == third
    with pytest.raises(PromptTooLong):
        asking.generate(ENGINE, requests)


def test_log_probabilities_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        ask("echo", Sampling(top_log_probs=0))


def test_an_identity_can_be_given() -> None:
    given = ModelIdentity("poet", "smollm2", "weights", "template", frozenset({"seen"}))
    engine = ScriptedEngine(ENGINE.answers, {"poet": given})
    assert engine.identify("poet") is given
    assert engine.identify("echo").weights_hash != given.weights_hash


class Reins:
    """A clock's hand that stands still until it is let go."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.may_go = Event()

    def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        assert self.may_go.wait(60)


def test_an_answer_takes_the_time_that_the_clock_says() -> None:
    reins = Reins()
    engine = ScriptedEngine(ENGINE.answers, word_seconds=0.5, sleep=reins.sleep)
    answer = engine.submit(Request("poet", PROMPT, Sampling(), deadline_seconds=2.5))
    assert not answer.is_done
    reins.may_go.set()
    assert answer.wait(60).text == "one  two\nthree END four"
    assert reins.seconds == [0.5] * 5
    with pytest.raises(DeadlineExceeded):
        engine.submit(Request("poet", PROMPT, Sampling(), deadline_seconds=2.4)).wait(60)


@pytest.mark.parametrize("give_up", ["cancel", "close"])
def test_an_answer_that_nobody_waits_for_ends(give_up: str) -> None:
    reins = Reins()
    engine = ScriptedEngine(ENGINE.answers, word_seconds=0.5, sleep=reins.sleep)
    answer = engine.submit(Request("poet", PROMPT, Sampling()))
    (answer.cancel if give_up == "cancel" else engine.close)()
    outcome: Response | LuthierError = answer.wait_for_outcome(0)
    assert isinstance(outcome, RequestCancelled)
    reins.may_go.set()


def test_whoever_stops_reading_cancels_what_has_not_ended() -> None:
    reins = Reins()
    slow = ScriptedEngine({"echo": ENGINE.answers["echo"]}, word_seconds=0.5, sleep=reins.sleep)
    answers = [engine.submit(Request("echo", PROMPT, Sampling())) for engine in (slow, ENGINE)]
    ended = asking.await_each(answers)
    assert next(ended).place == 1
    ended.close()
    assert [answer.is_cancelled for answer in answers] == [True, False]
    reins.may_go.set()


def test_an_engine_of_somebody_else_can_be_played_that_is_away() -> None:
    def fall_over(messages: tuple[Message, ...]) -> str:
        raise EngineUnavailable("http://127.0.0.1:9: connection refused")

    with pytest.raises(EngineUnavailable):
        ScriptedEngine({"hosted": fall_over}).submit(Request("hosted", PROMPT, Sampling())).wait()
