"""Models, vectors and a sandbox for graders, without any of them being real but the sandbox."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from luthier.engine.protocol import EmbeddedTexts
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import UnknownModel
from luthier.evaluation.graders.openai.grading import Tools
from luthier.evaluation.graders.openai.judge import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.conversation import Message


def embed(texts: Sequence[str]) -> EmbeddedTexts:
    """Texts are alike as far as their first letters are."""
    angles = [ord(text[:1] or "a") / 100 for text in texts]
    return EmbeddedTexts(np.array([[np.cos(a), np.sin(a)] for a in angles], dtype=np.float32), [1] * len(texts))


class Judge:
    """Says what it is told to, or what becomes of the question, and keeps what it was asked."""

    def __init__(self, said: object) -> None:
        self.said = said
        self.asked: list[tuple[Message, ...]] = []

    def __call__(self, messages: tuple[Message, ...]) -> str:
        self.asked.append(messages)
        said = self.said(messages) if callable(self.said) else self.said
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, str) else json.dumps(said)


def find_model(name: str) -> Model:
    if name != "judge-model":
        raise UnknownModel(f"no model named {name!r}")
    return Model(local="judge", public="judge-model-2026-01-01")


def make_tools(judge: Judge | None = None, **changes: Any) -> Tools:
    engine = ScriptedEngine({"judge": judge or Judge({"steps": [], "result": 1})})
    return Tools(**{"engine": engine, "embed": embed, "find_model": find_model, **changes})
