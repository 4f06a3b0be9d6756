"""What is measured by itself, what only when it is asked for, and what is said of the rest; without any weights."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import luthier
from luthier.data.splits.folder import to_jsonl
from luthier.engine.protocol import Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.engine.torch_engine import TorchEngine
from luthier.errors import InvalidConfig, UsageError
from luthier.evaluation.forgetting.material import load_material
from luthier.evaluation.report import EvalReport
from luthier.models.registry import resolve_model
from tests.support.adapters import AdapterMaker
from tests.support.benchmarks import write_task
from tests.support.chats import make_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.conversation import Message
    from luthier.models.catalog import Base
    from luthier.store.home import Home

ROWS = 30


@dataclass
class Desk:
    """Counts what each model was asked."""

    data: Path
    home: Home
    asked: Counter[str] = field(default_factory=Counter)

    def compare(self, **choices: object) -> EvalReport:
        return luthier.compare("bad", "good", self.data, engine=self.engine, home=self.home, grader="json", **choices)

    @property
    def engine(self) -> ScriptedEngine:
        return ScriptedEngine({"bad": lambda messages: self.answer("bad", "red"), "good": self.answer_rightly})

    def answer(self, model: str, text: str) -> str:
        self.asked[model] += 1
        return text

    def answer_rightly(self, messages: tuple[Message, ...]) -> str:
        return self.answer("good", json.dumps({"colour": messages[-1].content.split()[2]}))


@pytest.fixture
def desk(tmp_path: Path, home: Home) -> Desk:
    file = tmp_path / "chats.jsonl"
    file.write_text(to_jsonl(make_dataset(ROWS)))
    return Desk(file, home)


def test_single_answers_are_timed_once_and_the_times_are_kept(desk: Desk) -> None:
    first = desk.compare()
    assert [each.model for each in first.latency] == ["bad", "good"]
    assert desk.asked == {"bad": ROWS + 6, "good": ROWS + 6}
    again = desk.compare()
    assert desk.asked == {"bad": ROWS + 6, "good": ROWS + 6}, "nothing is asked twice"
    assert again.latency == first.latency
    desk.compare(measures_latency=True)
    assert desk.asked["good"] == ROWS + 12, "but whoever asks for it gets it anew"


def test_what_nobody_asked_for_is_named(desk: Desk) -> None:
    report = desk.compare(measures_latency=False, measures_forgetting=False, probes_memory=False)
    assert report.latency == ()
    assert report.unmeasured["forgetting"] == report.unmeasured["memory"] == "not asked for"
    states = {gate.key: gate.state for gate in report.verdict.gates}
    assert states["forgetting"] == states["latency"] == states["memory"] == "not_measured"


def test_what_cannot_be_measured_says_why(desk: Desk) -> None:
    report = desk.compare()
    assert report.unmeasured["forgetting"] == "good was not tuned on bad; --forgetting asks"
    assert "no rows are kept here that good was trained on" in report.unmeasured["memory"]
    asked = desk.compare(measures_forgetting=True)
    assert asked.unmeasured["forgetting"] == "scripted does not say how likely a text is to a model"


def test_a_required_measurement_that_is_missing_keeps_a_better_model_from_being_shipped(desk: Desk) -> None:
    assert desk.compare().verdict.decision == "ship"
    verdict = desk.compare(gates={"required": ["forgetting"]}).verdict
    assert verdict.decision == "cannot_tell"
    assert "this has to be measured" in verdict.reasons[1]


def test_answers_are_held_to_json_where_every_reference_is_json(desk: Desk) -> None:
    check = desk.compare().format
    assert (check.grader, sum(check.baseline_invalid), sum(check.candidate_invalid)) == ("valid-json", ROWS, 0)
    assert desk.compare(gates={"format": "none"}).format is None
    assert desk.compare(gates={"format": "contains:red"}).format.candidate_invalid.count(False) == ROWS // 5
    with pytest.raises(InvalidConfig, match="unknown grader 'valid-jsn'"):
        desk.compare(gates={"format": "valid-jsn"})


def test_a_further_grader_is_told_and_a_guardrail_decides(desk: Desk) -> None:
    report = desk.compare(also=["exact"], guardrails=["regex:^red$~0.1"])
    assert [effect.name for effect in report.comparison.secondary] == ["exact"]
    (guardrail,) = report.comparison.guardrails
    assert (guardrail.state, guardrail.margin) == ("broken", 0.1)
    assert report.verdict.decision == "do_not_ship"


def test_one_model_alone_is_only_asked_the_test(desk: Desk) -> None:
    report = luthier.evaluate("good", desk.data, engine=desk.engine, home=desk.home, grader="json")
    assert desk.asked == {"good": ROWS}
    assert (report.latency, report.format, report.verdict) == ((), None, None)
    assert report.contamination is not None
    assert report.uses is not None


def test_the_final_use_of_a_test_is_kept_with_the_report(desk: Desk) -> None:
    assert desk.compare(is_final=True).uses.is_final
    other = ScriptedEngine({"bad": lambda messages: "red", "other": lambda messages: "blue"})
    report = luthier.compare("bad", "other", desk.data, engine=other, home=desk.home, grader="json")
    assert any("had its final use" in warning for warning in report.verdict.warnings)


def test_a_whole_report_survives_json(desk: Desk) -> None:
    report = desk.compare(also=["exact"], guardrails=["valid-json"])
    assert EvalReport.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_benchmarks_are_refused_before_anything_is_asked_where_likelihoods_are_not_told(desk: Desk) -> None:
    with pytest.raises(UsageError, match="good is asked where nobody tells how likely a text is"):
        desk.compare(benchmarks=["piqa"])
    assert not desk.asked


@pytest.fixture
def tuned(home: Home, tiny_base: Base, monkeypatch: pytest.MonkeyPatch) -> Iterator[TorchEngine]:
    """A tuned model, and a suite that is short enough for a test."""
    whole = load_material()
    part = replace(
        whole, passages=whole.passages[:2], gaps=whole.gaps[:2], probes=whole.probes[:1], questions=whole.questions[:1]
    )
    monkeypatch.setattr("luthier.evaluation.forgetting.measure.load_material", lambda: part)
    AdapterMaker(home, tiny_base).keep("tuned", strength=0.001)
    with TorchEngine(lambda name: resolve_model(home, name), precision="float32") as engine:
        yield engine


def test_a_benchmark_is_part_of_what_was_forgotten_of_the_base_even_for_a_model_alone(
    tmp_path: Path, home: Home, tiny_base: Base, tuned: TorchEngine
) -> None:
    pytest.importorskip("lm_eval")
    data, task = tmp_path / "chats.jsonl", write_task(tmp_path)
    data.write_text(to_jsonl(make_dataset(8)))
    choices: dict[str, Any] = {"benchmarks": [str(task)], "gates": {"forgetting": {"benchmarks": 0.9}}}
    report = luthier.evaluate("tuned", data, engine=tuned, home=home, sampling=Sampling(max_tokens=2), **choices)
    assert report.forgetting is not None
    assert report.forgetting.baseline == tiny_base.name
    (family,) = [family for family in report.forgetting.families if family.key.startswith("benchmark:")]
    assert (family.title, family.total, family.margin) == ("Benchmark capitals", 3, 0.9)


def test_a_base_alone_has_nothing_that_it_could_be_worse_than(
    tmp_path: Path, home: Home, tiny_base: Base, tuned: TorchEngine
) -> None:
    data = tmp_path / "chats.jsonl"
    data.write_text(to_jsonl(make_dataset(8)))
    with pytest.raises(UsageError, match="is no tuned model"):
        luthier.evaluate(tiny_base.name, data, engine=tuned, home=home, benchmarks=["piqa"])
