"""An engine that stands in another process of this machine, and may end and come back at any time.

What waits for it when it ends fails with EngineUnavailable, as does what is asked while it is away.
"""

from __future__ import annotations

import socket
from concurrent.futures import Future
from functools import partial
from itertools import count
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from luthier.engine.answer import Answer
from luthier.engine.process.connection import Connection
from luthier.engine.process.failure import build_error
from luthier.engine.process.messages import (
    Cancel,
    Embedded,
    EmbedTexts,
    Failed,
    Finished,
    Hashed,
    HashPrompt,
    Identified,
    Identify,
    Pieces,
    Ping,
    Submit,
    Welcome,
    read_reply,
    write_question,
)
from luthier.engine.protocol import EmbeddedTexts
from luthier.errors import EngineUnavailable, LuthierError, MachineError, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from luthier.engine.process.messages import Question, Reply
    from luthier.engine.protocol import ModelIdentity, Request

Expected = TypeVar("Expected")

SECONDS_BETWEEN_TRIES = 0.1
QUIET_SECONDS = 10.0
"""After so long without a word the other process is asked for one."""

PATIENCE_SECONDS = 60.0
"""A process that says nothing for so long hangs: what waits for it fails, and the connection is made anew."""


class ProcessEngine:
    """`submit` never waits, whatever the other process does; what returns a result waits for it."""

    def __init__(
        self, socket_path: Path, *, quiet_seconds: float = QUIET_SECONDS, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._path = socket_path
        self._quiet_seconds = quiet_seconds
        self._patience_seconds = patience_seconds
        self._name = "away"
        self._link: _Link | None = None
        self._is_connected = Event()
        self._is_closed = Event()
        self._thread = Thread(target=self._keep_connected, name="luthier-engine-link", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """As the engine told it last; `away` before it has ever been there."""
        return self._name

    @property
    def is_connected(self) -> bool:
        """And was heard of lately."""
        link = self._link
        return link is not None and self._is_connected.is_set() and link.quiet_seconds <= 2.5 * self._quiet_seconds

    def wait_until_connected(self, timeout_seconds: float | None = None) -> bool:
        return self._is_connected.wait(timeout_seconds)

    def identify(self, model: str) -> ModelIdentity:
        reply = self._call(lambda number: Identify(number, model))
        return _expect(reply, Identified).identity

    def hash_prompt(self, request: Request) -> str:
        reply = self._call(lambda number: HashPrompt(number, request))
        return _expect(reply, Hashed).prompt_hash

    def embed(self, texts: Sequence[str]) -> EmbeddedTexts:
        reply = self._call(lambda number: EmbedTexts(number, tuple(texts)))
        embedded = _expect(reply, Embedded)
        vectors = np.frombuffer(embedded.vectors, np.float32).reshape(-1, embedded.dimensions)
        return EmbeddedTexts(vectors, list(embedded.token_counts))

    def submit(self, request: Request) -> Answer:
        answer = Answer()
        try:
            self._get_link().submit(request, answer)
        except LuthierError as error:
            answer.fail(error)
        return answer

    def close(self) -> None:
        """The other process stays."""
        self._is_closed.set()
        link = self._link
        if link is not None:
            link.close()
        self._thread.join()

    def _call(self, build_question: Callable[[int], Question]) -> Reply:
        return self._get_link().call(build_question).result()

    def _get_link(self) -> _Link:
        if self._is_closed.is_set():
            raise RequestCancelled("the engine was closed")
        link = self._link
        if link is None:
            raise _tell_absence()
        return link

    def _keep_connected(self) -> None:
        while not self._is_closed.is_set():
            ends = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                ends.connect(str(self._path))
            except OSError:
                ends.close()
            else:
                self._follow(ends)
            self._is_closed.wait(SECONDS_BETWEEN_TRIES)

    def _follow(self, ends: socket.socket) -> None:
        """Until the connection ends, and with it all that was asked through it."""
        end: LuthierError = _tell_absence()
        self._link = link = _Link(Connection(ends), welcome=self._note_welcome)
        if self._is_closed.is_set():
            link.close()
        try:
            link.run(quiet_seconds=self._quiet_seconds, patience_seconds=self._patience_seconds)
        except MachineError as error:
            end = error
        self._is_connected.clear()
        self._link = None
        link.fail_all(RequestCancelled("the engine was closed") if self._is_closed.is_set() else end)

    def _note_welcome(self, name: str) -> None:
        self._name = name
        self._is_connected.set()


class _Link:
    """One connection, and who waits for an answer or a reply through it."""

    def __init__(self, connection: Connection, *, welcome: Callable[[str], None]) -> None:
        self._connection = connection
        self._welcome = welcome
        self._numbers = count(1)
        self._lock = Lock()
        self._end: LuthierError | None = None
        self._answers: dict[int, Answer] = {}
        self._calls: dict[int, Future[Reply]] = {}

    @property
    def quiet_seconds(self) -> float:
        return self._connection.quiet_seconds

    def run(self, *, quiet_seconds: float, patience_seconds: float) -> None:
        """Until the connection ends. Raises MachineError for what cannot be understood."""
        self._ask_for_word()
        self._connection.read(
            self._receive, ask=self._ask_for_word, quiet_seconds=quiet_seconds, patience_seconds=patience_seconds
        )

    def close(self) -> None:
        self._connection.close()

    def submit(self, request: Request, answer: Answer) -> None:
        """Raises what keeps the request from being sent."""
        number = next(self._numbers)
        line = write_question(Submit(number, request))
        with self._lock:
            if self._end is not None:
                raise self._end
            self._answers[number] = answer
        self._put(line)
        answer.listen(partial(self._heed_cancel, number, answer))

    def call(self, build_question: Callable[[int], Question]) -> Future[Reply]:
        """Raises what keeps the question from being sent."""
        number = next(self._numbers)
        line = write_question(build_question(number))
        future: Future[Reply] = Future()
        with self._lock:
            if self._end is not None:
                raise self._end
            self._calls[number] = future
        self._put(line)
        return future

    def fail_all(self, error: LuthierError) -> None:
        """From now on nothing can be asked through it."""
        with self._lock:
            self._end = error
            answers, calls = self._answers, self._calls
            self._answers, self._calls = {}, {}
        for answer in answers.values():
            answer.fail(error)
        for future in calls.values():
            future.set_exception(error)

    def _put(self, line: bytes) -> None:
        self._connection.put(lambda: line)

    def _ask_for_word(self) -> None:
        self._put(write_question(Ping()))

    def _heed_cancel(self, number: int, answer: Answer) -> None:
        """An answer that ends while the other side still knows of it was given up on this side."""
        if answer.is_done and self._answers.pop(number, None) is not None:
            self._put(write_question(Cancel(number)))

    def _receive(self, line: bytes) -> None:
        """What belongs to an answer that was given up meanwhile is dropped."""
        match read_reply(line):
            case Pieces(number=number, pieces=pieces):
                if (answer := self._answers.get(number)) is not None:
                    for piece in pieces:
                        answer.add(piece)
            case Finished(number=number, response=response):
                if (answer := self._answers.pop(number, None)) is not None:
                    answer.finish(response)
            case Failed(number=number, failure=failure):
                self._fail(number, build_error(failure))
            case Welcome(engine=name):
                self._welcome(name)
            case Identified() | Hashed() | Embedded() as reply:
                self._calls.pop(reply.number).set_result(reply)

    def _fail(self, number: int, error: LuthierError) -> None:
        if (answer := self._answers.pop(number, None)) is not None:
            answer.fail(error)
        elif (call := self._calls.pop(number, None)) is not None:
            call.set_exception(error)


def _tell_absence() -> EngineUnavailable:
    return EngineUnavailable("the engine's process is not there", hint="it comes back by itself: try again soon")


def _expect(reply: Reply, kind: type[Expected]) -> Expected:
    if not isinstance(reply, kind):
        raise MachineError(f"{kind.__name__} was expected and {type(reply).__name__} came", hint="please report it")
    return reply
