"""An engine process without a model: answers come at once, or one word at each tick of a clock.

Run as a program, as the server's own engine process is.
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

import numpy as np

from luthier.engine.answer import Answer
from luthier.engine.process.service import EngineService
from luthier.engine.protocol import EmbeddedTexts, Piece, Response
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.server.processes.assignment import read_assignment
from luthier.server.processes.child import catch_stop, run_child, tell_ready

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.protocol import ModelIdentity, Request
    from luthier.store.home import Home

MODEL = "smollm2-135m"
TICK_SECONDS = 0.2
SAID = "The order has arrived and waits for you at the counter of our workshop."


@dataclass
class Talk:
    answer: Answer
    words: int
    said: int = 0


class TalkingEngine:
    """A request with `max_tokens` gets that many words, one a tick; one without gets a sentence at once.

    One thread speaks for all, since five hundred that sleep and wake would be what is measured.
    """

    def __init__(self, *, tick_seconds: float = TICK_SECONDS) -> None:
        self.name = "talking"
        self._script = ScriptedEngine({MODEL: lambda messages: SAID})
        self._tick_seconds = tick_seconds
        self._talks: list[Talk] = []
        self._lock = Lock()
        self._closed = Event()
        Thread(target=self._speak, name="talking", daemon=True).start()

    def identify(self, model: str) -> ModelIdentity:
        return self._script.identify(model)

    def submit(self, request: Request) -> Answer:
        if request.sampling.max_tokens is None:
            return self._script.submit(request)
        talk = Talk(Answer(), request.sampling.max_tokens)
        with self._lock:
            self._talks.append(talk)
        return talk.answer

    def close(self) -> None:
        self._closed.set()

    def _speak(self) -> None:
        while not self._closed.wait(self._tick_seconds):
            with self._lock:
                talks = self._talks = [talk for talk in self._talks if not talk.answer.is_done]
            for talk in talks:
                self._say_word(talk)

    def _say_word(self, talk: Talk) -> None:
        talk.said += 1
        talk.answer.add(Piece(" word"))
        if talk.said == talk.words:
            response = Response(
                " word" * talk.words, "length", prompt_tokens=1, completion_tokens=talk.words, prompt_hash=""
            )
            talk.answer.finish(response)


def embed_nothing(texts: Sequence[str]) -> EmbeddedTexts:
    return EmbeddedTexts(np.zeros((len(texts), 1), dtype=np.float32), [1] * len(texts))


def answer_requests(home: Home) -> None:
    assignment, stop = read_assignment(), catch_stop()
    with closing(TalkingEngine()) as engine:
        service = EngineService(engine, embed_nothing, path=Path(assignment.engine_socket))
        tell_ready(assignment.ready_fd)
        service.serve_until(stop)


if __name__ == "__main__":
    sys.exit(run_child("engine", answer_requests))
