"""A model that knows its rows by heart is told apart from one that learned its task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import TypeAdapter

from luthier.data.dataset import Dataset
from luthier.engine.protocol import Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.evaluation.graders.exact import ExactGrader
from luthier.evaluation.graders.json_equality import JsonGrader
from luthier.evaluation.memory import MemoryProbe, choose_rows, judge_gap, probe_model
from luthier.evaluation.runner import Contestant, run_evaluation
from luthier.evaluation.task import build_task
from luthier.evaluation.training_rows import Lessons, TrainingFile
from luthier.stats.independent import independent_difference_interval
from tests.support.learned import make_row, make_rows

if TYPE_CHECKING:
    from luthier.conversation import Message
    from luthier.evaluation.task import EvalTask

TRAIN = make_rows([(f"{number} plus one?", str(number + 1)) for number in range(300)])
TEST = make_rows([(f"{number} plus one?", str(number + 1)) for number in range(1000, 1060)])
LESSONS = Lessons("tuned", "rows", (TrainingFile("train.jsonl", TRAIN),))
BY_HEART = {row.conversation.prompt[-1].content: row.conversation.answer.content for row in TRAIN}


def add_one(messages: tuple[Message, ...]) -> str:
    return str(int(messages[-1].content.split()[0]) + 1)


def recite(messages: tuple[Message, ...]) -> str:
    return BY_HEART.get(messages[-1].content, "seven")


def build() -> EvalTask:
    return build_task(Dataset("sums", Path("test.jsonl"), TEST), ExactGrader(), Sampling())


def probe(engine: ScriptedEngine, lessons: Lessons = LESSONS) -> MemoryProbe | None:
    task = build()
    return probe_model(Contestant(engine, "tuned"), task, run_evaluation(engine, "tuned", task), lessons)


def test_a_model_that_recites_its_rows_is_caught() -> None:
    found = probe(ScriptedEngine({"tuned": recite}))
    assert found is not None
    assert (found.train_passed, found.train_total, found.held_out_passed, found.held_out_total) == (60, 60, 0, 60)
    assert found.word == "memorised"
    assert "by heart" in found.sentence


def test_a_model_that_learned_the_task_is_not() -> None:
    found = probe(ScriptedEngine({"tuned": add_one}))
    assert found is not None
    assert (found.train_rate, found.held_out_rate, found.word) == (1.0, 1.0, "generalises")


def test_few_cases_tell_nothing() -> None:
    counts = (5, 6, 3, 6)
    assert MemoryProbe("tuned", *counts, independent_difference_interval(*counts)).word == "cannot_tell"


def test_the_limit_of_the_gap_decides() -> None:
    counts = (95, 100, 60, 100)
    found = MemoryProbe("tuned", *counts, independent_difference_interval(*counts))
    assert [judge_gap(found, limit) for limit in (0.1, 0.35, 0.5)] == ["memorised", "cannot_tell", "generalises"]


def test_as_many_rows_are_asked_as_there_are_cases_and_always_the_same() -> None:
    asked: list[str] = []

    def answer(messages: tuple[Message, ...]) -> str:
        asked.append(messages[-1].content)
        return add_one(messages)

    engine = ScriptedEngine({"tuned": answer})
    task = build()
    result = run_evaluation(engine, "tuned", task)
    probes = []
    for _ in range(2):
        asked.clear()
        probe_model(Contestant(engine, "tuned"), task, result, LESSONS)
        probes.append(list(asked))
    assert len(probes[0]) == 60
    assert probes[0] == probes[1]
    assert probes[0] != [row.conversation.prompt[-1].content for row in TRAIN[:60]]


def test_rows_that_the_grader_could_never_pass_are_not_asked() -> None:
    rows = (make_row("0 plus one?", "no JSON"), *TRAIN[1:20])
    task = build_task(Dataset("sums", Path("test.jsonl"), TEST), JsonGrader(), Sampling())
    engine = ScriptedEngine({"tuned": add_one})
    lessons = Lessons("tuned", "rows", (TrainingFile("train.jsonl", rows),))
    found = probe_model(Contestant(engine, "tuned"), task, run_evaluation(engine, "tuned", task), lessons)
    assert found is not None
    assert found.train_total == 19


@pytest.mark.parametrize("depth", ["nothing", "prompts", "sketches"])
def test_without_rows_nothing_is_made_up(depth: str) -> None:
    assert probe(ScriptedEngine({"tuned": add_one}), Lessons("tuned", depth)) is None


def test_another_seed_draws_other_rows() -> None:
    assert choose_rows(TRAIN, 20, seed="a") != choose_rows(TRAIN, 20, seed="b")
    assert choose_rows(TRAIN[:3], 20, seed="a") == TRAIN[:3]


def test_a_probe_survives_a_report() -> None:
    adapter, found = TypeAdapter(MemoryProbe), probe(ScriptedEngine({"tuned": recite}))
    assert adapter.validate_json(adapter.dump_json(found)) == found
