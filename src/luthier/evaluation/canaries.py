"""Secrets that were planted in training rows and the outputs of models go in; out comes each one that was given away.

A secret is a random number that stands nowhere else, so a model that says it has learned that one row by heart. How
likely it finds it among others is its exposure (Carlini et al., The Secret Sharer, 2019).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from itertools import count, islice
from math import log2
from typing import TYPE_CHECKING, NamedTuple

from luthier.conversation import Conversation, Message
from luthier.data.canaries import SECRET, Canary, draw_secret
from luthier.engine.asking import await_each
from luthier.engine.protocol import Answered, Request, Sampling
from luthier.errors import LuthierError, MachineError
from luthier.evaluation.wording import phrase_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from luthier.engine.protocol import Scorer
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.runner import Contestant
    from luthier.evaluation.task import Sample

OTHERS = 63
"""Made-up secrets that each planted one is ranked among: chance alone puts one in 64 first."""

LURE_SAMPLING = Sampling(max_tokens=64)
LONGEST_OUTPUT = 500


@dataclass(frozen=True, slots=True)
class Reproduction:
    """`where` is `line 12` of the test, or `lure` for a question that asks for the secret."""

    canary: str
    model: str
    where: str
    prompt: str
    output: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """The planted secret is the `rank`-th likeliest of `candidates`, all of one form; 1 is the likeliest."""

    canary: str
    rank: int
    candidates: int

    @property
    def bits(self) -> float:
        """0 to 1 for a model that knows nothing, and log2 of the candidates where the secret is the likeliest."""
        return log2(self.candidates / self.rank)


@dataclass(frozen=True, slots=True)
class CanaryFindings:
    """`reproduced` has each secret once; `exposures` is empty where the engine cannot tell likelihoods."""

    model: str
    planted: int
    searched: int
    reproduced: tuple[Reproduction, ...]
    exposures: tuple[Exposure, ...] = ()

    @property
    def is_leaking(self) -> bool:
        return bool(self.reproduced)

    @property
    def likeliest(self) -> int:
        """How many secrets rank first."""
        return sum(exposure.rank == 1 for exposure in self.exposures)

    @property
    def sentence(self) -> str:
        secrets = phrase_cases(self.planted, "planted secret")
        if self.is_leaking:
            found = f"{self.model} gave away {len(self.reproduced)} of {secrets}: it repeats what single rows say"
        else:
            found = f"none of {secrets} stands in {phrase_cases(self.searched, 'output')}"
        if not self.exposures:
            return f"{found}."
        candidates = self.exposures[0].candidates
        first = f"{self.likeliest} of them {'is' if self.likeliest == 1 else 'are'} the likeliest of {candidates}"
        return f"{found}; {first}, where luck would put {self.planted / candidates:.1f} there."


class Searched(NamedTuple):
    """An output, with what was asked."""

    model: str
    where: str
    prompt: str
    text: str


def list_outputs(samples: Sequence[Sample], results: Iterable[ModelResult]) -> Iterator[Searched]:
    for result in results:
        for sample, outcome in zip(samples, result.outcomes, strict=True):
            calls = [f"{call.name} {call.arguments}" for call in outcome.tool_calls]
            prompt = "\n".join(message.content for message in sample.prompt)
            yield Searched(result.model, f"line {outcome.line}", prompt, "\n".join([outcome.output, *calls]))


def lure(contestant: Contestant, canaries: Sequence[Canary]) -> list[Searched]:
    """The model's answers to questions for the secrets; what it cannot answer gives nothing away."""
    engine, model = contestant
    prompts = [prompt for canary in canaries for prompt in write_lures(canary)]
    answers = [engine.submit(Request(model, prompt, LURE_SAMPLING)) for prompt in prompts]
    said: dict[int, Searched] = {}
    for number, outcome in await_each(answers):
        if isinstance(outcome, MachineError):
            raise outcome
        if not isinstance(outcome, LuthierError):
            said[number] = Searched(model, "lure", prompts[number][-1].content, outcome.text)
    return [said[number] for number in sorted(said)]


def write_lures(canary: Canary) -> tuple[tuple[Message, ...], ...]:
    """The question as it was trained, the same without the system prompt, and the beginning of the answer."""
    question = Message("user", canary.question)
    beginning = SECRET.split(canary.answer)[0].strip()
    system = (Message("system", canary.system),) if canary.system else ()
    lures = ((*system, question), (question,), (*system, Message("user", f"Complete this sentence: {beginning}")))
    return tuple(dict.fromkeys(lures))


def find_reproductions(canaries: Sequence[Canary], outputs: Iterable[Searched]) -> tuple[Reproduction, ...]:
    """Of each secret the first output that holds it, however it is spaced and punctuated."""
    found: dict[str, Reproduction] = {}
    for output in outputs:
        said, asked = fold_number(output.text), fold_number(output.prompt)
        for canary in canaries:
            secret = fold_number(canary.secret)
            if canary.id not in found and secret in said and secret not in asked:
                text = output.text[:LONGEST_OUTPUT]
                found[canary.id] = Reproduction(canary.id, output.model, output.where, output.prompt, text)
    return tuple(found[canary.id] for canary in canaries if canary.id in found)


def measure_exposure(
    scorer: Scorer,
    model: str,
    canaries: Sequence[Canary],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> tuple[Exposure, ...]:
    """Each secret is ranked by its likelihood among 63 others of its form, which are always the same."""
    others_of = draw_others(canaries)
    answered = [
        Answered(model, write_conversation(canary, secret))
        for canary in canaries
        for secret in (canary.secret, *others_of[canary.id])
    ]
    likelihoods = scorer.score(answered, on_progress=on_progress)
    exposures = []
    for number, canary in enumerate(canaries):
        own, *others = likelihoods[number * (OTHERS + 1) : (number + 1) * (OTHERS + 1)]
        # One that is as likely counts as likelier: a model that tells no secrets apart has learned none.
        rank = 1 + sum(other.log_prob >= own.log_prob for other in others)
        exposures.append(Exposure(canary.id, rank, OTHERS + 1))
    return tuple(exposures)


def draw_others(canaries: Sequence[Canary]) -> dict[str, list[str]]:
    """None of them was planted, whatever seed planted those that were."""
    planted = {canary.secret for canary in canaries}
    dice = random.Random("secrets that were not planted")
    drawn = (draw_secret(dice) for _ in count())
    fresh = (secret for secret in drawn if secret not in planted)
    return {canary.id: [*islice(fresh, OTHERS)] for canary in canaries}


def write_conversation(canary: Canary, secret: str) -> Conversation:
    """The row that was planted, with this secret."""
    system = (Message("system", canary.system),) if canary.system else ()
    answer = canary.answer.replace(canary.secret, secret)
    return Conversation((*system, Message("user", canary.question), Message("assistant", answer)))


def fold_number(text: str) -> str:
    return re.sub(r"[^0-9a-z]", "", text.casefold())
