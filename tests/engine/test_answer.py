"""An answer is read, waited for and given up from any thread, and ends once."""

from __future__ import annotations

import threading
from threading import Thread

import pytest

from luthier.engine.answer import Answer
from luthier.engine.protocol import Piece, Response
from luthier.errors import MachineError, RequestCancelled

WHOLE = Response("one two", "stop", prompt_tokens=1, completion_tokens=2, prompt_hash="hash")


def test_pieces_come_as_they_are_added_and_end_with_the_answer() -> None:
    answer = Answer()
    seen: list[str] = []

    def read() -> None:
        seen.extend(piece.text for piece in answer)

    reader = Thread(target=read)
    reader.start()
    for text in ("one", " ", "two"):
        answer.add(Piece(text))
    answer.finish(WHOLE)
    reader.join(60)
    assert seen == ["one", " ", "two"]
    assert [piece.text for piece in answer] == seen  # a second reader begins at the beginning
    assert answer.wait(0) is WHOLE


def test_what_ends_an_answer_is_raised_after_its_pieces() -> None:
    answer = Answer()
    answer.add(Piece("one"))
    answer.fail(MachineError("it broke"))
    pieces = iter(answer)
    assert next(pieces).text == "one"
    with pytest.raises(MachineError, match="it broke"):
        next(pieces)
    with pytest.raises(MachineError, match="it broke"):
        answer.wait()


def test_only_the_first_end_counts() -> None:
    cancelled, finished = Answer(), Answer()
    cancelled.cancel()
    cancelled.add(Piece("late"))
    cancelled.finish(WHOLE)
    finished.finish(WHOLE)
    finished.cancel()
    assert isinstance(cancelled.wait_for_outcome(), RequestCancelled)
    assert (cancelled.is_cancelled, finished.is_cancelled) == (True, False)
    assert finished.wait() is WHOLE
    with pytest.raises(RequestCancelled):
        next(iter(cancelled))


def test_who_waits_only_so_long_is_told_that_there_is_no_answer() -> None:
    answer = Answer()
    with pytest.raises(TimeoutError, match="no answer within 0 seconds"):
        answer.wait(0)
    assert not answer.is_done


def test_listeners_hear_every_change_and_what_was_before_them() -> None:
    answer = Answer()
    heard: list[str] = []
    answer.listen(lambda: heard.append("first"))
    assert heard == []
    answer.add(Piece("one"))
    answer.listen(lambda: heard.append("second"))
    answer.cancel()
    answer.add(Piece("late"))
    assert heard == ["first", "second", "first", "second"]


def test_a_waiting_thread_wakes_when_another_cancels() -> None:
    answer = Answer()
    outcomes: list[object] = []
    waiting = Thread(target=lambda: outcomes.append(answer.wait_for_outcome(60)))
    waiting.start()
    answer.cancel()
    waiting.join(60)
    assert isinstance(outcomes[0], RequestCancelled)


def test_a_listener_that_breaks_is_told_of_and_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    answer = Answer()
    heard: list[str] = []

    def break_down() -> None:
        raise RuntimeError("Event loop is closed")

    answer.listen(break_down)
    answer.listen(lambda: heard.append("second"))
    answer.add(Piece("one"))
    answer.finish(WHOLE)
    answer.listen(break_down)
    assert heard == ["second", "second"]
    assert [str(args.exc_value) for args in told] == ["Event loop is closed"] * 3
    assert answer.wait(0) is WHOLE


def test_what_is_there_can_be_read_without_waiting() -> None:
    answer = Answer()
    assert answer.read_new(0) == []
    answer.add(Piece("one"))
    answer.add(Piece("two"))
    assert [piece.text for piece in answer.read_new(0)] == ["one", "two"]
    assert [piece.text for piece in answer.read_new(1)] == ["two"]
    assert answer.read_new(2) == []
