"""An engine answers whoever connects to a socket of this machine, until it is told to stop.

Whoever may open the socket's folder may ask anything: the folder has to be private.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from functools import partial
from threading import Lock, Thread
from typing import TYPE_CHECKING

from luthier.engine.batching.worker import Worker
from luthier.engine.process.connection import Connection
from luthier.engine.process.failure import describe_error
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
    Reply,
    Submit,
    Welcome,
    read_question,
    write_reply,
)
from luthier.engine.protocol import PromptHasher
from luthier.errors import InvalidRequest, LuthierError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from threading import Event

    from luthier.engine.answer import Answer
    from luthier.engine.protocol import Embed, Engine

CALLING_THREADS = 4
BACKLOG = 16


class EngineService:
    """Any number of processes may be connected; an answer whose asker goes away is cancelled.

    What is embedded at once is as much as is asked at once, one request after the other.
    """

    def __init__(self, engine: Engine, embed: Embed, *, path: Path) -> None:
        """Takes the place of a service that was killed. Raises OSError when the socket cannot be made."""
        self._engine = engine
        self._embed = embed
        self._calling = Worker("luthier-calls", threads=CALLING_THREADS)
        self._embedding = Worker("luthier-embedding")
        self._guests: set[_Guest] = set()
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(BACKLOG)

    def serve_until(self, stop: Event) -> None:
        """Then nobody is connected any more; the engine stays open."""
        Thread(target=self._accept, name="luthier-accept", daemon=True).start()
        stop.wait()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for guest in list(self._guests):
            guest.connection.close()
        for worker in (self._calling, self._embedding):
            worker.close(waits=False)

    def _accept(self) -> None:
        while True:
            try:
                ends, _ = self._listener.accept()
            except OSError:
                return  # closed
            Thread(target=self._attend, args=(ends,), name="luthier-guest", daemon=True).start()

    def _attend(self, ends: socket.socket) -> None:
        guest = _Guest(Connection(ends), self._engine)
        self._guests.add(guest)
        try:
            guest.connection.read(partial(self._receive, guest))
        finally:
            self._guests.discard(guest)
            guest.leave()

    def _receive(self, guest: _Guest, line: bytes) -> None:
        match read_question(line):
            case Submit() as question:
                guest.submit(question)
            case Cancel(number=number):
                guest.cancel(number)
            case Identify(number=number) as question:
                self._call(guest, number, partial(self._identify, question), worker=self._calling)
            case HashPrompt(number=number) as question:
                self._call(guest, number, partial(self._hash_prompt, question), worker=self._calling)
            case EmbedTexts(number=number) as question:
                self._call(guest, number, partial(self._embed_texts, question), worker=self._embedding)
            case Ping():
                guest.tell(Welcome(self._engine.name))

    def _call(self, guest: _Guest, number: int, call: Callable[[], Reply], *, worker: Worker) -> None:
        """What the engine does before it returns happens in another thread, so that nobody else waits for it."""

        def fail(error: LuthierError) -> None:
            guest.tell(Failed(number, describe_error(error)))

        def answer() -> None:
            try:
                guest.tell(call())
            except LuthierError as error:
                fail(error)

        worker.put(answer, give_up=fail)

    def _identify(self, question: Identify) -> Identified:
        return Identified(question.number, self._engine.identify(question.model))

    def _hash_prompt(self, question: HashPrompt) -> Hashed:
        if not isinstance(self._engine, PromptHasher):
            raise InvalidRequest(f"{self._engine.name} does not tell what a model would read", hint="ask the model")
        return Hashed(question.number, self._engine.hash_prompt(question.request))

    def _embed_texts(self, question: EmbedTexts) -> Embedded:
        vectors, counts = self._embed(question.texts)
        content = vectors.astype("float32", copy=False).tobytes()
        return Embedded(question.number, content, vectors.shape[1], token_counts=tuple(counts))


class _Guest:
    """One process that is connected, and the answers that it waits for."""

    def __init__(self, connection: Connection, engine: Engine) -> None:
        self.connection = connection
        self._engine = engine
        self._lock = Lock()
        self._has_left = False
        self._streams: dict[int, _Stream] = {}

    def tell(self, reply: Reply) -> None:
        self.connection.put(partial(write_reply, reply))

    def submit(self, question: Submit) -> None:
        number = question.number
        answer = self._engine.submit(question.request)
        stream = _Stream(number, answer, self.connection, end=partial(self._streams.pop, number, None))
        with self._lock:
            self._streams[number] = stream
            has_left = self._has_left
        if has_left:
            answer.cancel()
        answer.listen(stream.note_change)

    def cancel(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        if stream is not None:
            stream.answer.cancel()

    def leave(self) -> None:
        """Nobody waits for its answers any more."""
        with self._lock:
            self._has_left = True
            streams = list(self._streams.values())
        for stream in streams:
            stream.answer.cancel()


class _Stream:
    """One answer on its way. What has come since the last line goes into one, however fast the engine is."""

    def __init__(self, number: int, answer: Answer, connection: Connection, *, end: Callable[[], object]) -> None:
        self.answer = answer
        self._number = number
        self._connection = connection
        self._end = end
        self._position = 0
        self._is_due = False
        self._has_ended = False

    def note_change(self) -> None:
        """In the engine's thread."""
        if not self._is_due:
            self._is_due = True
            self._connection.put(self._write)

    def _write(self) -> bytes:
        """In the connection's thread. A change after the first line of this comes back to it."""
        self._is_due = False
        is_done = self.answer.is_done
        pieces = self.answer.read_new(self._position)
        self._position += len(pieces)
        lines = write_reply(Pieces(self._number, tuple(pieces))) if pieces else b""
        if is_done and not self._has_ended:
            self._has_ended = True
            self._end()
            lines += self._write_end()
        return lines

    def _write_end(self) -> bytes:
        outcome = self.answer.wait_for_outcome(0)
        if isinstance(outcome, LuthierError):
            return write_reply(Failed(self._number, describe_error(outcome)))
        return write_reply(Finished(self._number, outcome))
