"""What goes to another process is the same when it arrives."""

from __future__ import annotations

import math

import pytest

from luthier import errors
from luthier.conversation import Message, ToolCall
from luthier.engine.process.failure import KINDS, build_error, describe_error
from luthier.engine.process.messages import (
    Embedded,
    EmbedTexts,
    Failed,
    Finished,
    Identified,
    Pieces,
    Question,
    Reply,
    Submit,
    read_question,
    read_reply,
    write_question,
    write_reply,
)
from luthier.engine.protocol import ModelIdentity, Piece, Request, Response, Sampling, Structure
from luthier.errors import DataError, InvalidRequest, LuthierError, MachineError, Overloaded

CALL = ToolCall("call_1", "look_up", '{"a": "\\u00e9"}')
REQUEST = Request(
    "ft:base:me::abc",
    (
        Message("system", "line one\nline two\u2028three \U0001f600"),
        Message("user", "é", name="Zoë"),
        Message("assistant", "", tool_calls=(CALL,)),
        Message("tool", "{}", tool_call_id="call_1"),
    ),
    Sampling(temperature=1.5, top_p=0.1, stop=("\n", "end"), seed=-(2**63), logit_bias=((7, -100.0),), top_log_probs=3),
    tools='[{"type": "function"}]',
    tool_choice="required",
    structure=Structure("json_schema", '{"type": "object"}'),
    deadline_seconds=0.1,
)
RESPONSE = Response("a\nb", "tool_calls", 1, 2, "hash", tool_calls=(CALL,), cached_tokens=1, cost_dollars=None)


@pytest.mark.parametrize("question", [Submit(1, REQUEST), EmbedTexts(2, ("", "a\nb"))], ids=lambda each: each.says)
def test_a_question_arrives_as_it_was_asked(question: Question) -> None:
    line = write_question(question)
    assert line.count(b"\n") == 1
    assert read_question(line.rstrip(b"\n")) == question


@pytest.mark.parametrize(
    "reply",
    [
        Pieces(1, (Piece("a\nb"), Piece(" "))),
        Finished(1, RESPONSE),
        Identified(1, ModelIdentity("m", "b", "w", "t", frozenset({"x", "y"}))),
        Embedded(1, bytes(range(256)), 4, token_counts=(1, 2)),
        Failed(1, describe_error(Overloaded("full", hint="wait", retry_seconds=2.5))),
    ],
    ids=lambda each: each.says,
)
def test_a_reply_arrives_as_it_was_given(reply: Reply) -> None:
    line = write_reply(reply)
    assert line.count(b"\n") == 1
    assert read_reply(line.rstrip(b"\n")) == reply


def test_numbers_arrive_that_json_has_no_word_for() -> None:
    request = Request("m", (), Sampling(logit_bias=((1, -math.inf),)), deadline_seconds=math.nan)
    arrived = read_question(write_question(Submit(1, request)))
    assert isinstance(arrived, Submit)
    assert arrived.request.sampling.logit_bias == ((1, -math.inf),)
    assert math.isnan(arrived.request.deadline_seconds or 0)


def test_text_that_is_no_unicode_is_refused_before_it_is_sent() -> None:
    with pytest.raises(InvalidRequest, match="no valid text"):
        write_question(EmbedTexts(1, ("\ud800",)))


@pytest.mark.parametrize("line", [b"", b"{}", b'{"says": "dance"}', b"\xff", b'{"says": "cancel", "number": "x"}'])
def test_what_is_not_understood_is_said_to_be(line: bytes) -> None:
    with pytest.raises(MachineError, match="do not understand one another"):
        read_question(line)
    with pytest.raises(MachineError, match="do not understand one another"):
        read_reply(line)


def test_what_is_not_understood_is_not_repeated() -> None:
    """It may be a prompt, and errors stand in logs."""
    with pytest.raises(MachineError) as caught:
        read_question(b'{"says": "embed", "number": 1, "texts": ["a", {"b": "my diary"}]}')
    assert "diary" not in str(caught.value)


@pytest.mark.parametrize("kind", sorted(KINDS.values(), key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_every_error_arrives_as_what_it_was(kind: type[LuthierError]) -> None:
    error = kind("what", hint="next")
    for name, value in vars(error).items():  # nothing that an error carries is left behind
        setattr(error, name, {tuple: ("row",), float: 7.0, type(None): 3}.get(type(value), value))
    arrived = build_error(describe_error(error))
    assert type(arrived) is kind
    assert vars(arrived) == vars(error)


def test_an_error_of_nobodys_arrives_as_its_nearest_parent() -> None:
    class OwnError(DataError):
        pass

    arrived = build_error(describe_error(OwnError("what", rows=["one"], hint="next")))
    assert type(arrived) is DataError
    assert arrived.rows == ("one",)


def test_all_errors_are_known() -> None:
    assert set(KINDS) >= {"LuthierError", "Overloaded", "EngineUnavailable", "PromptTooLong"}
    assert all(getattr(errors, name) is kind for name, kind in KINDS.items())
