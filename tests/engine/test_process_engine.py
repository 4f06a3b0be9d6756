"""An engine in another process answers as if it were here, and is missed without harm when it goes."""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import numpy as np
import pytest

from luthier.conversation import Message
from luthier.engine.process.messages import Ping, Welcome, write_question, write_reply
from luthier.engine.process.service import EngineService
from luthier.engine.process_engine import ProcessEngine
from luthier.engine.protocol import EmbeddedTexts, Engine, PromptHasher, Request, Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import EngineUnavailable, InvalidRequest, LuthierError, RequestCancelled, UnknownModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from luthier.engine.scripted_engine import Script

PATIENCE_SECONDS = 300


def embed(texts: Sequence[str]) -> EmbeddedTexts:
    vectors = np.array([[len(text), 0.5] for text in texts], np.float32).reshape(-1, 2)
    return EmbeddedTexts(vectors, [len(text.split()) for text in texts])


def ask(model: str = "echo", text: str = "one two three", **more: object) -> Request:
    return Request(model, (Message("user", text),), Sampling(), **more)  # type: ignore[arg-type]


def echo(messages: tuple[Message, ...]) -> str:
    return messages[-1].content


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


@contextmanager
def serve(engine: Engine, path: Path) -> Iterator[EngineService]:
    """In threads of this process: who connects does not notice."""
    service, stop = EngineService(engine, embed, path=path), Event()
    thread = Thread(target=service.serve_until, args=(stop,))
    thread.start()
    try:
        yield service
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine.sock"


@contextmanager
def connect(path: Path, **options: float) -> Iterator[ProcessEngine]:
    engine = ProcessEngine(path, **options)
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def connect_to(answers: dict[str, Script], path: Path, **options: float) -> Iterator[ProcessEngine]:
    with serve(ScriptedEngine(answers, **options), path), connect(path) as engine:  # type: ignore[arg-type]
        assert engine.wait_until_connected(PATIENCE_SECONDS)
        yield engine


def test_answers_are_those_of_the_engine(path: Path) -> None:
    here = ScriptedEngine({"echo": echo})
    with connect_to({"echo": echo}, path) as engine:
        answer = engine.submit(ask())
        assert [piece.text for piece in answer] == [piece.text for piece in here.submit(ask())]
        assert answer.wait() == here.submit(ask()).wait()
        assert engine.identify("echo") == here.identify("echo")
        assert engine.hash_prompt(ask()) == here.hash_prompt(ask())
        assert engine.name == here.name
        assert isinstance(engine, PromptHasher)


def test_errors_are_those_of_the_engine(path: Path) -> None:
    with connect_to({"echo": echo}, path) as engine:
        with pytest.raises(UnknownModel, match="no model named 'ecko'") as caught:
            engine.submit(ask("ecko")).wait()
        assert caught.value.hint == "did you mean echo?"
        with pytest.raises(UnknownModel, match="no model named 'ecko'"):
            engine.identify("ecko")


def test_vectors_come_with_their_tokens(path: Path) -> None:
    with connect_to({}, path) as engine:
        vectors, counts = engine.embed(["a b", "cde"])
        assert vectors.dtype == np.float32
        assert vectors.tolist() == [[3.0, 0.5], [3.0, 0.5]]
        assert counts == [2, 1]
        assert engine.embed([]).vectors.shape == (0, 2)


def test_many_answers_come_beside_one_another_and_none_gets_anothers_words(path: Path) -> None:
    texts = [" ".join(f"{number}-{word}" for word in range(20)) for number in range(200)]
    with connect_to({"echo": echo}, path, word_seconds=0.001) as engine:
        answers = [engine.submit(ask(text=text)) for text in texts]
        assert ["".join(piece.text for piece in answer) for answer in answers] == texts


def test_a_line_longer_than_any_buffer_arrives(path: Path) -> None:
    text = "word " * 400_000
    with connect_to({"length": lambda messages: str(len(messages[-1].content))}, path) as engine:
        assert engine.submit(ask("length", text)).wait().text == str(len(text))


def test_who_gives_an_answer_up_frees_the_engine_of_it(path: Path) -> None:
    there = ScriptedEngine({"endless": lambda messages: "word " * 10**6}, word_seconds=0.001)
    endless = Request("endless", (), Sampling(max_tokens=10**6))
    with serve(there, path), connect(path) as engine:
        assert engine.wait_until_connected(PATIENCE_SECONDS)
        answer = engine.submit(endless)
        next(iter(answer))
        (open_there,) = there._open
        answer.cancel()
        with pytest.raises(RequestCancelled):
            open_there.wait(PATIENCE_SECONDS)


def test_answers_whose_asker_is_gone_are_given_up(path: Path) -> None:
    there = ScriptedEngine({"endless": lambda messages: "word " * 10**6}, word_seconds=0.001)
    with serve(there, path):
        with connect(path) as engine:
            assert engine.wait_until_connected(PATIENCE_SECONDS)
            answer = engine.submit(Request("endless", (), Sampling(max_tokens=10**6)))
            next(iter(answer))
            (open_there,) = there._open
        with pytest.raises(RequestCancelled, match="the engine was closed"):
            answer.wait()
        with pytest.raises(RequestCancelled):
            open_there.wait(PATIENCE_SECONDS)


def test_without_the_process_everything_fails_at_once(path: Path) -> None:
    with connect(path) as engine:
        assert not engine.is_connected
        with pytest.raises(EngineUnavailable, match="not there"):
            engine.submit(ask()).wait(0)
        with pytest.raises(EngineUnavailable):
            engine.identify("echo")
        with pytest.raises(EngineUnavailable):
            engine.embed(["a"])


def test_a_process_that_ends_takes_its_answers_along_and_its_successor_gives_new_ones(path: Path) -> None:
    slow = ScriptedEngine({"echo": echo}, word_seconds=3600)
    with connect(path) as engine:
        with serve(slow, path):
            assert engine.wait_until_connected(PATIENCE_SECONDS)
            answer = engine.submit(ask())
            wait_until(lambda: bool(slow._open))
        with pytest.raises(EngineUnavailable, match="not there"):
            answer.wait(PATIENCE_SECONDS)
        wait_until(lambda: not engine.is_connected)
        with serve(ScriptedEngine({"echo": echo}), path):
            assert engine.wait_until_connected(PATIENCE_SECONDS)
            assert engine.submit(ask()).wait().text == "one two three"


def test_what_cannot_be_sent_fails_alone(path: Path) -> None:
    with connect_to({"echo": echo}, path) as engine:
        with pytest.raises(InvalidRequest, match="no valid text"):
            engine.submit(ask(text="\ud800")).wait(0)
        assert engine.submit(ask()).wait().text == "one two three"


def test_after_the_end_nothing_is_asked(path: Path) -> None:
    with connect_to({"echo": echo}, path) as engine:
        engine.close()
        with pytest.raises(RequestCancelled):
            engine.submit(ask()).wait(0)


def test_a_process_that_hangs_fails_what_waits_for_it(path: Path) -> None:
    """It is asked, and never heard of again after its greeting."""
    with socket.socket(socket.AF_UNIX) as listener, connect(path, quiet_seconds=0.02, patience_seconds=0.1) as engine:
        listener.bind(str(path))
        listener.listen()
        there, _ = listener.accept()
        there.recv(1000)  # its first ping: from now on it can be asked
        answer = engine.submit(ask())
        there.sendall(write_reply(Welcome("hanging")))
        with pytest.raises(EngineUnavailable):
            answer.wait(PATIENCE_SECONDS)
        there.close()


def test_a_process_that_is_only_quiet_is_not_taken_for_one_that_hangs(path: Path) -> None:
    there = ScriptedEngine({"echo": echo}, word_seconds=3)
    with serve(there, path), connect(path, quiet_seconds=0.1, patience_seconds=2) as engine:
        assert engine.wait_until_connected(PATIENCE_SECONDS)
        assert engine.submit(ask(text="one")).wait().text == "one"
        wait_until(lambda: engine.is_connected)


def test_what_says_something_else_is_left_and_called_again(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, connect(path) as engine:
        listener.bind(str(path))
        listener.listen()
        there, _ = listener.accept()
        there.sendall(write_reply(Welcome("strange")))
        assert engine.wait_until_connected(PATIENCE_SECONDS)
        answer = engine.submit(ask())
        there.sendall(b'{"says": "moo"}\n')
        with pytest.raises(LuthierError, match="do not understand one another"):
            answer.wait(PATIENCE_SECONDS)
        there.close()
        again, _ = listener.accept()
        again.close()


def test_a_guest_who_talks_nonsense_is_sent_away_and_the_others_stay(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    with connect_to({"echo": echo}, path) as engine, socket.socket(socket.AF_UNIX) as guest:
        guest.connect(str(path))
        guest.sendall(b"moo\n")
        assert guest.recv(1) == b""
        assert engine.submit(ask()).wait().text == "one two three"
    assert [str(args.exc_type.__name__) for args in told] == ["MachineError"]


def test_a_call_that_breaks_unexpectedly_fails_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)

    class Broken(ScriptedEngine):
        def identify(self, model: str) -> object:  # type: ignore[override]
            raise ZeroDivisionError("a bug")

    with serve(Broken({}), path), connect(path) as engine:
        assert engine.wait_until_connected(PATIENCE_SECONDS)
        with pytest.raises(LuthierError, match="ZeroDivisionError"):
            engine.identify("echo")
        assert engine.embed(["a"]).token_counts == [1]


@pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc")
def test_connections_that_end_leave_nothing_open(path: Path) -> None:
    def count_open() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with serve(ScriptedEngine({}), path):
        with connect(path) as engine:
            assert engine.wait_until_connected(PATIENCE_SECONDS)
        wait_until(lambda: not any(thread.name == "luthier-guest" for thread in threading.enumerate()))
        before = count_open()
        for _ in range(5):
            with connect(path) as engine:
                assert engine.wait_until_connected(PATIENCE_SECONDS)
        wait_until(lambda: count_open() <= before)


def test_a_ping_is_answered_at_once_whatever_else_is_going_on(path: Path) -> None:
    with serve(ScriptedEngine({}), path), socket.socket(socket.AF_UNIX) as guest:
        guest.connect(str(path))
        guest.sendall(write_question(Ping()))
        assert guest.recv(1000) == write_reply(Welcome("scripted"))
