"""The ways of getting an answer, from the least effort to the most, and what stands on each rung of a ladder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from luthier.advise.prompts import PreparedPrompt, Question

if TYPE_CHECKING:
    from luthier.advise.copies import CopiedRow
    from luthier.engine.protocol import Engine

Technique = Literal["prompt", "own_prompt", "few_shot", "retrieval", "few_shot_retrieval", "tuned", "tuned_retrieval"]

TITLES: dict[Technique, str] = {
    "prompt": "Prompt only",
    "own_prompt": "Your own prompt",
    "few_shot": "Few-shot",
    "retrieval": "Retrieval",
    "few_shot_retrieval": "Few-shot, with retrieval",
    "tuned": "Fine-tuned",
    "tuned_retrieval": "Fine-tuned, with retrieval",
}
"""In the order of the ladder."""

EFFORTS: dict[Technique, str] = {
    "prompt": "the instructions of the rows as they are",
    "own_prompt": "better instructions",
    "few_shot": "training rows in every prompt",
    "retrieval": "a folder of documents, kept up to date and searched for every question",
    "few_shot_retrieval": "training rows in every prompt, and documents, kept up to date and searched",
    "tuned": "training, and a model of your own to serve and to keep",
    "tuned_retrieval": "training, a model to serve, and documents to search",
}

CITING: frozenset[Technique] = frozenset({"retrieval", "few_shot_retrieval", "tuned_retrieval"})
SHOWING: frozenset[Technique] = frozenset({"few_shot", "few_shot_retrieval"})
TRAINED: frozenset[Technique] = frozenset({"tuned", "tuned_retrieval"})


@dataclass(frozen=True)
class Rung:
    """`name` is unique on its ladder; `prompts` is empty where the questions are asked as they stand.

    `is_hosted`: somebody else serves the model and asks a price for each answer. `copies` are rows of the test that its
    prompts may show together with their answers.
    """

    technique: Technique
    model: str
    name: str
    engine: Engine
    prompts: Mapping[Question, PreparedPrompt]
    is_hosted: bool = False
    copies: tuple[CopiedRow, ...] = ()


class Skipped(NamedTuple):
    """A rung that was not measured, and why; `is_above` when only because the target was met below."""

    technique: Technique
    model: str
    reason: str
    is_above: bool = False

    @property
    def title(self) -> str:
        return f"{TITLES[self.technique]} ({self.model})" if self.model else TITLES[self.technique]


class RungPlan(NamedTuple):
    """`open` does what the rung needs: searching, or training a model; it is not called for a rung never climbed."""

    technique: Technique
    model: str
    open: Callable[[], Rung | Skipped]


def name_rung(technique: Technique, model: str) -> str:
    suffixes: dict[Technique, str] = {
        "own_prompt": " with your own prompt",
        "few_shot": " with examples",
        "retrieval": " with passages",
        "few_shot_retrieval": " with examples and passages",
        "tuned_retrieval": " with passages",
    }
    return model + suffixes.get(technique, "")
