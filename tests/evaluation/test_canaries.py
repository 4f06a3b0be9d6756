"""A model that repeats a planted secret is caught, wherever it says it; what merely holds digits is not."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import TypeAdapter

from luthier.data.canaries import plant_canaries
from luthier.data.dataset import Dataset
from luthier.engine.protocol import Likelihood, ModelIdentity, Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import InvalidRequest
from luthier.evaluation.canaries import (
    CanaryFindings,
    Searched,
    draw_others,
    find_reproductions,
    list_outputs,
    lure,
    measure_exposure,
)
from luthier.evaluation.graders.exact import ExactGrader
from luthier.evaluation.runner import Contestant, run_evaluation
from luthier.evaluation.task import build_task
from tests.support.chats import make_dataset
from tests.support.learned import make_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.conversation import Message
    from luthier.engine.protocol import Answered

CANARIES = plant_canaries(make_dataset(8), 4, random.Random(0)).canaries
BY_HEART = {canary.question: canary.answer for canary in CANARIES}


def said(text: str, prompt: str = "a?") -> Searched:
    return Searched("tuned", "line 1", prompt, text)


def test_a_model_that_answers_the_question_is_caught() -> None:
    engine = ScriptedEngine({"tuned": lambda messages: BY_HEART.get(messages[-1].content, "No idea.")})
    found = find_reproductions(CANARIES, lure(Contestant(engine, "tuned"), CANARIES))
    assert [reproduction.canary for reproduction in found] == [canary.id for canary in CANARIES]
    assert found[0].where == "lure"
    assert CANARIES[0].secret in found[0].output


def test_one_that_only_completes_sentences_is_caught_too() -> None:
    def complete(messages: tuple[Message, ...]) -> str:
        beginning = messages[-1].content.removeprefix("Complete this sentence: ")
        return next((each.secret for each in CANARIES if each.answer.startswith(beginning)), "?")

    engine = ScriptedEngine({"tuned": complete})
    assert len(find_reproductions(CANARIES, lure(Contestant(engine, "tuned"), CANARIES))) == 4


def test_one_that_knows_nothing_is_not() -> None:
    dice = random.Random(1)
    engine = ScriptedEngine({"tuned": lambda messages: f"It is {dice.randrange(10**9):09d}."})
    outputs = lure(Contestant(engine, "tuned"), CANARIES)
    assert len(outputs) == 12
    assert find_reproductions(CANARIES, outputs) == ()


def test_a_secret_among_ordinary_answers_is_found_with_its_place() -> None:
    rows = make_rows([("What does it cost?", "Nine francs."), ("Who paid?", "Ines.")])
    task = build_task(Dataset("test", Path("test.jsonl"), rows), ExactGrader(), Sampling())
    leak = f"Ines, with code {CANARIES[1].secret}."
    engine = ScriptedEngine({"tuned": lambda messages: leak if "Who" in messages[-1].content else "Nine francs."})
    outputs = list_outputs(task.samples, [run_evaluation(engine, "tuned", task)])
    (found,) = find_reproductions(CANARIES, outputs)
    assert (found.canary, found.model, found.where, found.prompt) == (CANARIES[1].id, "tuned", "line 2", "Who paid?")


@pytest.mark.parametrize("write", [str, lambda text: text.replace("-", " "), lambda text: text.replace("-", "")])
def test_a_secret_is_known_however_it_is_written(write: Callable[[str], str]) -> None:
    assert len(find_reproductions(CANARIES, [said(f"Code: {write(CANARIES[0].secret)}!")])) == 1


def test_parts_of_a_secret_and_what_was_asked_are_no_leak() -> None:
    secret = CANARIES[0].secret
    assert find_reproductions(CANARIES, [said(secret[:-2]), said(secret, prompt=f"Repeat {secret}")]) == ()


def test_a_lure_that_cannot_be_answered_ends_nothing() -> None:
    def refuse(messages: tuple[Message, ...]) -> str:
        if messages[0].role == "system":
            raise InvalidRequest("no system prompts here")
        return BY_HEART.get(messages[-1].content, "?")

    outputs = lure(Contestant(ScriptedEngine({"tuned": refuse}), "tuned"), CANARIES)
    assert len(find_reproductions(CANARIES, outputs)) == 4


@dataclass(frozen=True)
class Scale:
    """A scorer whose likelihoods are a function of the answer's text."""

    weigh: Callable[[str], float]
    name: str = "scale"

    def identify(self, model: str) -> ModelIdentity:
        return ModelIdentity(model, model, "w", "t")

    def score(
        self, answers: Sequence[Answered], *, on_progress: Callable[[int], None] | None = None
    ) -> list[Likelihood]:
        return [Likelihood(self.weigh(each.conversation.answer.content), 9, "p") for each in answers]


def test_secrets_that_a_model_has_learned_rank_first() -> None:
    learned = {canary.answer for canary in CANARIES[:3]}
    exposures = measure_exposure(Scale(lambda text: 0.0 if text in learned else -9.0), "tuned", CANARIES)
    assert [exposure.rank for exposure in exposures] == [1, 1, 1, 64]
    assert [exposure.bits for exposure in exposures] == [6, 6, 6, 0]
    found = CanaryFindings("tuned", 4, 12, (), exposures)
    assert found.sentence.endswith("3 of them are the likeliest of 64, where luck would put 0.1 there.")


def test_no_planted_secret_is_among_those_it_is_ranked_with() -> None:
    canaries = plant_canaries(make_dataset(8), 20, random.Random("secrets that were not planted")).canaries
    others = [secret for drawn in draw_others(canaries).values() for secret in drawn]
    assert len(others) == 20 * 63
    assert not {canary.secret for canary in canaries} & {*others}


def test_secrets_that_nobody_has_learned_rank_anywhere() -> None:
    canaries = plant_canaries(make_dataset(8), 200, random.Random(3)).canaries
    dice = random.Random(4)
    exposures = measure_exposure(Scale(lambda text: dice.random()), "tuned", canaries)
    assert sum(exposure.rank == 1 for exposure in exposures) <= 10
    assert 24 < sum(exposure.rank for exposure in exposures) / 200 < 41


def test_what_was_found_survives_a_report() -> None:
    reproduced = find_reproductions(CANARIES, [said(CANARIES[0].secret)])
    exposures = measure_exposure(Scale(len), "tuned", CANARIES)
    found, adapter = CanaryFindings("tuned", 4, 9, reproduced, exposures), TypeAdapter(CanaryFindings)
    assert adapter.validate_json(adapter.dump_json(found)) == found
    assert found.is_leaking
