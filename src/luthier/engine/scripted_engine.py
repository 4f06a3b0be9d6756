"""Answers come from plain functions instead of a model: an engine for tests, docs and work on the pages."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING
from weakref import WeakSet

from luthier.conversation import Message, fingerprint_json
from luthier.engine.answer import Answer
from luthier.engine.decoding.stopping import cut_at_stop
from luthier.engine.protocol import ModelIdentity, Piece, Response
from luthier.errors import DeadlineExceeded, InvalidRequest, LuthierError, RequestCancelled, UnknownModel, did_you_mean

if TYPE_CHECKING:
    from luthier.engine.protocol import FinishReason, Request

WORD = re.compile(r"\s*\S+")

Script = Callable[[tuple[Message, ...]], str | Message]
"""Sees a conversation and says the next text, or a whole message where that calls tools. A LuthierError that it raises
becomes the end of that answer."""


@dataclass(frozen=True)
class ScriptedEngine:
    """A word counts as a token, and each word is a piece; nothing constrains a script to a structure.

    With `word_seconds` an answer comes from a thread of its own, which calls `sleep` before each word.
    `identities` replaces the made-up identity of the models it names.
    """

    answers: Mapping[str, Script]
    identities: Mapping[str, ModelIdentity] = field(default_factory=dict)
    name: str = "scripted"
    word_seconds: float = 0.0
    sleep: Callable[[float], None] = time.sleep
    _open: WeakSet[Answer] = field(default_factory=WeakSet, init=False, repr=False, compare=False)

    def identify(self, model: str) -> ModelIdentity:
        if model not in self.answers:
            raise UnknownModel(f"no model named {model!r}", hint=did_you_mean(model, self.answers))
        made_up = ModelIdentity(model, "scripted", fingerprint_json(model), fingerprint_json("scripted"))
        return self.identities.get(model, made_up)

    def submit(self, request: Request) -> Answer:
        answer = Answer()
        if self.word_seconds:
            self._open.add(answer)
            Thread(target=self._answer, args=(request, answer), daemon=True).start()
        else:
            self._answer(request, answer)
        return answer

    def close(self) -> None:
        for answer in list(self._open):
            answer.fail(RequestCancelled("the engine was closed"))

    def hash_prompt(self, request: Request) -> str:
        rows = [message.to_openai() for message in request.messages]
        return fingerprint_json([rows, request.tools] if request.tools else rows)

    def _answer(self, request: Request, answer: Answer) -> None:
        try:
            response = self._play(request)
            self._speak(response.text, request, answer)
        except LuthierError as error:
            answer.fail(error)
        else:
            answer.finish(response)

    def _play(self, request: Request) -> Response:
        self.identify(request.model)
        if request.sampling.top_log_probs is not None:
            raise InvalidRequest("a script has no log-probabilities", hint="ask a model that has weights")
        said = self.answers[request.model](request.messages)
        message = Message("assistant", said) if isinstance(said, str) else said
        text, finish_reason, words = _cut(message, request)
        return Response(
            text=text,
            finish_reason=finish_reason,
            prompt_tokens=sum(len(WORD.findall(each.content)) for each in request.messages),
            completion_tokens=words,
            prompt_hash=self.hash_prompt(request),
            tool_calls=message.tool_calls if finish_reason == "tool_calls" else (),
        )

    def _speak(self, text: str, request: Request, answer: Answer) -> None:
        """Raises DeadlineExceeded by the time that was slept, so that a clock of one's own decides."""
        words, rest = WORD.findall(text), WORD.sub("", text)
        for count, word in enumerate(words, start=1):
            if answer.is_done:
                return
            if self.word_seconds:
                self.sleep(self.word_seconds)
            if request.deadline_seconds is not None and count * self.word_seconds > request.deadline_seconds:
                raise DeadlineExceeded(f"no complete answer within {request.deadline_seconds:g} seconds")
            answer.add(Piece(word))
        if rest:
            answer.add(Piece(rest))


def _cut(message: Message, request: Request) -> tuple[str, FinishReason, int]:
    """What is left by stop texts and max_tokens, why it ends, and its length in words; a tool call counts as one."""
    cut = cut_at_stop(message.content, request.sampling.stop)
    text = message.content if cut is None else cut
    words = WORD.findall(text)
    limit = request.sampling.max_tokens
    if limit is not None and len(words) > limit:
        return "".join(words[:limit]), "length", limit
    calls = len(message.tool_calls) if cut is None else 0
    return text, "tool_calls" if calls else "stop", len(words) + calls
