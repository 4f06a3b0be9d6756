"""An engine whose model is asked with prepared prompts: graders, caches and comparisons see the question as it stands.

A rung of the ladder is a model like any other to what evaluates it, but for what its identity says of the prompts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from luthier.advise.prompts import Question
from luthier.conversation import Conversation, fingerprint_json
from luthier.engine.protocol import PromptHasher

if TYPE_CHECKING:
    from collections.abc import Mapping

    from luthier.advise.prompts import PreparedPrompt
    from luthier.engine.answer import Answer
    from luthier.engine.protocol import Engine, ModelIdentity, Request


@dataclass(frozen=True)
class PreparedEngine:
    """Answers the questions of `prompts` as `rung`, by the `model` of the engine `inner`, which stays open.

    `recipe` fingerprints how the prompts were made.
    """

    inner: Engine
    model: str
    rung: str
    prompts: Mapping[Question, PreparedPrompt]
    recipe: str

    @property
    def name(self) -> str:
        return self.inner.name

    def identify(self, model: str) -> ModelIdentity:
        """Two rungs of one model read different prompts, so their template hashes differ."""
        identity = self.inner.identify(self.model)
        return replace(identity, name=self.rung, template_hash=fingerprint_json([identity.template_hash, self.recipe]))

    def submit(self, request: Request) -> Answer:
        """Raises KeyError for a question that was not prepared."""
        return self.inner.submit(self.prepare(request))

    def hash_prompt(self, request: Request) -> str:
        prepared = self.prepare(request)
        if isinstance(self.inner, PromptHasher):
            return self.inner.hash_prompt(prepared)
        return Conversation(prepared.messages, prepared.tools).fingerprint()

    def prepare(self, request: Request) -> Request:
        prompt = self.prompts[Question(request.messages, request.tools)]
        return replace(request, model=self.model, messages=prompt.messages)

    def close(self) -> None:
        """The inner engine belongs to whoever opened it."""
