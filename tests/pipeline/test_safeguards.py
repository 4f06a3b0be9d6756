"""What may void an evaluation is looked for with a home, an engine and real reports, and found where it was planted."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from luthier.data.canaries import plant_canaries, write_canaries
from luthier.data.dataset import Dataset
from luthier.data.splits.folder import to_jsonl
from luthier.engine.protocol import ModelIdentity, Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.evaluation.archive import keep_report
from luthier.evaluation.contamination import find_contamination
from luthier.evaluation.graders.exact import ExactGrader
from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.report import EvalReport
from luthier.evaluation.runner import Contestant, run_evaluation
from luthier.evaluation.task import Criterion, build_task
from luthier.evaluation.training_rows import find_lessons
from luthier.pipeline.safeguards import (
    check_judges,
    count_uses,
    gather_lessons,
    probe_canaries,
    probe_memory,
)
from tests.support.learned import lose_rows, make_rows, register_learned

if TYPE_CHECKING:
    from luthier.conversation import Message
    from luthier.evaluation.graders.protocol import Output
    from luthier.evaluation.task import EvalTask, Sample
    from luthier.store.home import Home

TRAIN = make_rows([(f"{number} plus one, please?", str(number + 1)) for number in range(40)])
TEST = make_rows([(f"{number} plus one, please?", str(number + 1)) for number in range(100, 140)])


def add_one(messages: tuple[Message, ...]) -> str:
    return str(int(messages[-1].content.split()[0]) + 1) if messages[-1].content[0].isdigit() else "No idea."


def build(rows: Dataset | None = None) -> EvalTask:
    return build_task(rows or Dataset("sums", Path("test.jsonl"), TEST), ExactGrader(), Sampling())


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine({"base": lambda messages: "?", "sums": add_one})


def test_a_test_from_elsewhere_is_held_against_what_the_model_learned(
    home: Home, engine: ScriptedEngine, tmp_path: Path
) -> None:
    register_learned(home, "sums", TRAIN)
    task = build(Dataset("mixed", Path("mixed.jsonl"), (*TEST[:5], *make_rows([("1 PLUS one, please", "2")]))))
    results = [run_evaluation(engine, name, task) for name in ("base", "sums")]
    lessons = gather_lessons(home, ["base", "sums"], data=tmp_path / "mixed.jsonl")
    found = find_contamination(task.samples, lessons.values(), results=results)
    assert [(case.model, case.kind, case.train_line) for case in found.cases] == [("sums", "exact", 2)]
    assert [check.depth for check in found.checks] == ["nothing", "rows"]


def test_the_train_split_beside_the_test_helps_where_the_home_has_lost_its_rows(
    home: Home, engine: ScriptedEngine, tmp_path: Path
) -> None:
    register_learned(home, "sums", TRAIN, keeps_imprint=False)
    lose_rows(home)
    for side, rows in (("train", TRAIN), ("validation", TEST[:20]), ("test", TEST[20:])):
        (tmp_path / f"{side}.jsonl").write_text(to_jsonl(Dataset(side, Path("x"), rows)), encoding="utf-8")
    found = gather_lessons(home, ["sums"], data=tmp_path)["sums"]
    assert (found.depth, found.rows) == ("rows", 40)
    assert gather_lessons(home, ["sums"], data=tmp_path / "test.jsonl")["sums"].depth == "prompts"


def test_memory_is_probed_with_the_rows_of_the_model(home: Home, engine: ScriptedEngine) -> None:
    register_learned(home, "sums", TRAIN)
    task = build()
    result = run_evaluation(engine, "sums", task)
    found = probe_memory(find_lessons(home, "sums"), Contestant(engine, "sums"), task, result)
    assert found is not None
    assert (found.train_passed, found.train_total, found.word) == (40, 40, "generalises")
    untrained = run_evaluation(engine, "base", task)
    assert probe_memory(find_lessons(home, "base"), Contestant(engine, "base"), task, untrained) is None


def test_planted_canaries_are_known_by_the_rows_that_the_model_learned(home: Home) -> None:
    planting = plant_canaries(Dataset("sums-train", Path("train.jsonl"), TRAIN), 3, random.Random(5))
    register_learned(home, "sums", planting.dataset.examples)
    by_heart = {canary.question: canary.answer for canary in planting.canaries[:2]}
    engine = ScriptedEngine({"sums": lambda messages: by_heart.get(messages[-1].content) or add_one(messages)})
    task = build()
    results = [run_evaluation(engine, "sums", task)]
    found = probe_canaries(find_lessons(home, "sums"), Contestant(engine, "sums"), task, results)
    assert found is not None
    assert [(each.canary, each.where) for each in found.reproduced] == [("canary-1", "lure"), ("canary-2", "lure")]
    assert (found.planted, found.searched, found.exposures) == (3, 40 + 6, ())


def test_canaries_of_a_model_that_was_trained_elsewhere_come_from_their_file(home: Home, tmp_path: Path) -> None:
    canaries = plant_canaries(Dataset("sums-train", Path("train.jsonl"), TRAIN), 2, random.Random(5)).canaries
    write_canaries(canaries, tmp_path / "canaries.json")
    engine = ScriptedEngine({"openai:ft": lambda messages: canaries[0].secret})
    task = build()
    results = [run_evaluation(engine, "openai:ft", task)]
    hosted, lessons = Contestant(engine, "openai:ft"), find_lessons(home, "openai:ft")
    assert probe_canaries(lessons, hosted, task, results) is None
    found = probe_canaries(lessons, hosted, task, results, file=tmp_path / "canaries.json")
    assert found is not None
    assert [(each.canary, each.where) for each in found.reproduced] == [("canary-1", "line 1")]


def test_uses_are_counted_from_the_reports_that_are_kept(home: Home) -> None:
    identities = {name: ModelIdentity(name, "base", f"weights of {name}", "t") for name in ("one", "two")}
    engine = ScriptedEngine(dict.fromkeys(identities, add_one), identities)
    task = build()
    numbers = []
    for name in ("one", "two", "one"):
        result = run_evaluation(engine, name, task)
        numbers.append(count_uses(home, result).number)
        keep_report(home, EvalReport("sums", task.samples, result))
    assert numbers == [1, 2, 2]


@dataclass(frozen=True)
class Judge:
    """Passes what is as long as it likes."""

    length: int
    name: str = "judge.json"
    judges: tuple[str, ...] = ("somebody",)

    def reference_problem(self, sample: Sample) -> str | None:
        return None

    def grade(self, output: Output, sample: Sample) -> Grade:
        return Grade(len(output.text) >= self.length, "")


def label(path: Path, count: int = 30) -> Path:
    """People pass every second answer, those that are long."""
    rows = (
        {"line": line, "answer": "long enough" if line % 2 else "short", "passed": line % 2 == 1}
        for line in range(1, count)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_judge_needs_labels_and_other_graders_none(tmp_path: Path) -> None:
    task = build()
    assert check_judges(task, [], None) == ()
    judged = build_task(Dataset("sums", Path("test.jsonl"), TEST), Judge(6), Sampling())
    (without,), (with_labels,) = (
        check_judges(judged, [], labels) for labels in (None, label(tmp_path / "labels.jsonl"))
    )
    assert (without.may_gate, with_labels.may_gate, with_labels.cases) == (False, True, 29)


def test_of_several_judges_each_that_decides_anything_is_checked_once(tmp_path: Path) -> None:
    criteria = (
        Criterion(Judge(1, name="bad.json"), "guardrail"),
        Criterion(Judge(6), "guardrail"),
        Criterion(Judge(1, name="told.json"), "secondary"),
    )
    task = build_task(Dataset("sums", Path("test.jsonl"), TEST), Judge(6), Sampling(), criteria=criteria)
    labels = label(tmp_path / "labels.jsonl")
    found = [(each.judge, each.may_gate) for each in check_judges(task, [], labels)]
    assert found == [("judge.json", True), ("bad.json", False)]
