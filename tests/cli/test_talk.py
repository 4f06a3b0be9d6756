"""A conversation remembers what was said, shows answers as they come, and survives what goes wrong."""

from __future__ import annotations

import signal
from threading import Event, get_ident
from typing import TYPE_CHECKING

import pytest

from luthier.cli import output
from luthier.cli.talk import Talk, converse
from luthier.conversation import Message, ToolCall
from luthier.engine.protocol import Request, Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import EngineUnavailable, PromptTooLong

if TYPE_CHECKING:
    from collections.abc import Callable

CALL = ToolCall("call_1", "find", '{"what": "lamp"}')


def repeat(messages: tuple[Message, ...]) -> str:
    """Everything that the model sees."""
    return " | ".join(f"{message.role}: {message.content}" for message in messages)


def call_once(messages: tuple[Message, ...]) -> str | Message:
    return repeat(messages) if messages[-1].role == "tool" else Message("assistant", "", tool_calls=(CALL,))


def fall_over(messages: tuple[Message, ...]) -> str:
    if "long" in messages[-1].content:
        raise PromptTooLong("the prompt has 9 tokens")
    if "away" in messages[-1].content:
        raise EngineUnavailable("the server does not answer", hint="start it")
    return repeat(messages)


def open_talk(script: Callable[[tuple[Message, ...]], str | Message], *, system: str = "") -> Talk:
    return Talk(ScriptedEngine({"model": script}), Request("model", (), Sampling()), system)


@pytest.fixture
def type_lines(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What a person types, then Ctrl-D."""

    def type_these(*lines: str) -> None:
        waiting = iter(lines)
        monkeypatch.setattr(output, "ask", lambda prompt: next(waiting, None))

    return type_these


def test_an_answer_is_shown_and_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    talk = open_talk(repeat, system="be brief")
    first = talk.answer([Message("user", "hello")])
    assert first is not None
    assert capsys.readouterr().out == "system: be brief | user: hello\n"
    second = talk.answer([Message("user", "more")])
    assert second is not None
    assert second.text == f"system: be brief | user: hello | assistant: {first.text} | user: more"


def test_a_question_alone_is_not_remembered() -> None:
    talk = open_talk(repeat)
    assert talk.ask(Message("user", "hello")).text == "user: hello"
    assert talk.ask(Message("user", "more")).text == "user: more"


def test_ctrl_c_ends_the_answer_and_what_was_shown_counts_as_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = open_talk(repeat)
    shown: list[str] = []

    def interrupt_after_two(text: str) -> None:
        shown.append(text)
        if len(shown) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(output, "write_piece", interrupt_after_two)
        assert talk.answer([Message("user", "one two three")]) is None
    assert shown[:2] == ["user:", " one"]
    following = talk.answer([Message("user", "go on")])
    assert following is not None
    assert following.text == "user: one two three | assistant: user: | user: go on"
    capsys.readouterr()


def test_ctrl_c_before_the_first_word_leaves_no_trace() -> None:
    main, sleeps = get_ident(), []

    def interrupt(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 1:
            signal.pthread_kill(main, signal.SIGINT)
            assert is_left.wait(300)

    is_left = Event()
    engine = ScriptedEngine({"model": repeat}, word_seconds=1, sleep=interrupt)
    talk = Talk(engine, Request("model", (), Sampling()), "")
    assert talk.answer([Message("user", "hello")]) is None
    is_left.set()
    following = talk.answer([Message("user", "again")])
    assert following is not None
    assert following.text == "user: again"


def test_what_goes_wrong_is_said_and_the_conversation_goes_on_without_it(
    capsys: pytest.CaptureFixture[str], type_lines: Callable[..., None]
) -> None:
    type_lines("hello", "a long one", "are you away", "still there?")
    converse(open_talk(fall_over))
    told = capsys.readouterr()
    assert "error: the prompt has 9 tokens" in told.err
    assert "error: the server does not answer\nhint: start it" in told.err
    assert told.out.splitlines()[-1] == "user: hello | assistant: user: hello | user: still there?"


def test_commands_are_not_said_to_the_model(
    capsys: pytest.CaptureFixture[str], type_lines: Callable[..., None]
) -> None:
    type_lines("hello", "/system be brief", "", "now", "/reset", "later", "/exit", "never")
    converse(open_talk(repeat))
    assert capsys.readouterr().out.splitlines() == [
        "user: hello",
        "system: be brief | user: now",
        "system: be brief | user: later",
    ]


def test_the_person_answers_for_the_tools(capsys: pytest.CaptureFixture[str], type_lines: Callable[..., None]) -> None:
    type_lines("a lamp?", "three of them")
    converse(open_talk(call_once))
    assert capsys.readouterr().out.splitlines() == [
        'find({"what": "lamp"})',
        "user: a lamp? | assistant:  | tool: three of them",
    ]


@pytest.mark.parametrize("trouble", [PromptTooLong("the prompt has 9 tokens"), KeyboardInterrupt()])
def test_a_call_whose_result_gets_no_answer_goes_with_its_question(
    trouble: BaseException, capsys: pytest.CaptureFixture[str], type_lines: Callable[..., None]
) -> None:
    def fail_at_results(messages: tuple[Message, ...]) -> str | Message:
        if messages[-1].role == "tool":
            raise trouble
        return call_once(messages) if "lamp" in messages[-1].content else repeat(messages)

    type_lines("hello", "a lamp?", "three of them", "more")
    converse(open_talk(fail_at_results))
    assert capsys.readouterr().out.splitlines()[-1] == "user: hello | assistant: user: hello | user: more"
