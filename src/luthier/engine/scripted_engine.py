"""Answers come from plain functions instead of a model: an engine for tests, docs and work on the pages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from luthier.conversation import Message, fingerprint_json
from luthier.engine.protocol import ModelIdentity, Response
from luthier.engine.stopping import cut_at_stop
from luthier.errors import UnknownModel, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from luthier.engine.protocol import FinishReason, Request

WORD = re.compile(r"\s*\S+")


@dataclass(frozen=True)
class ScriptedEngine:
    """A word counts as a token. `identities` replaces the made-up identity of the models it names."""

    answers: Mapping[str, Callable[[tuple[Message, ...]], str]]
    identities: Mapping[str, ModelIdentity] = field(default_factory=dict)
    name: str = "scripted"

    def identify(self, model: str) -> ModelIdentity:
        if model not in self.answers:
            raise UnknownModel(f"no model named {model!r}", hint=did_you_mean(model, self.answers))
        made_up = ModelIdentity(model, "scripted", fingerprint_json(model), fingerprint_json("scripted"))
        return self.identities.get(model, made_up)

    def generate(
        self, requests: Sequence[Request], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Response]:
        responses = []
        for request in requests:
            responses.append(self.answer(request))
            if on_progress is not None:
                on_progress(1)
        return responses

    def answer(self, request: Request) -> Response:
        self.identify(request.model)
        whole = self.answers[request.model](request.messages)
        cut = cut_at_stop(whole, request.sampling.stop)
        text = whole if cut is None else cut
        words = WORD.findall(text)
        finish_reason: FinishReason = "stop"
        if len(words) > request.sampling.max_tokens:
            words = words[: request.sampling.max_tokens]
            text, finish_reason = "".join(words), "length"
        return Response(
            text=text,
            finish_reason=finish_reason,
            prompt_tokens=sum(len(WORD.findall(message.content)) for message in request.messages),
            completion_tokens=len(words),
            prompt_hash=fingerprint_json([message.to_openai() for message in request.messages]),
        )
