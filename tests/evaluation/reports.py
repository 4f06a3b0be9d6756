"""Reports with every part that a page can show, made without a model: orders that a rambling base cannot read."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from luthier.engine.protocol import Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.evaluation.canaries import CanaryFindings, Exposure, Reproduction
from luthier.evaluation.contamination import Contamination, LeakedCase, RowsChecked
from luthier.evaluation.costs import Cost
from luthier.evaluation.forgetting.finding import Family, Forgetting, ProbeCase
from luthier.evaluation.gates.evidence import Findings
from luthier.evaluation.graders.protocol import FieldGrade, LabelPair
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.judging.agreement import JudgeAgreement, Opinion, measure_judge
from luthier.evaluation.latency import Latency, Spread
from luthier.evaluation.memory import MemoryProbe
from luthier.evaluation.report import EvalReport, build_report
from luthier.evaluation.runner import run_evaluation
from luthier.evaluation.summaries import DataSummary, LossPoint, TrainingSummary
from luthier.evaluation.task import Criterion, build_task
from luthier.evaluation.uses import TestUse, TestUses
from luthier.stats.intervals import Interval
from tests.support.orders import RAMBLES, order_dataset, order_fields, order_json, order_prompt

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.conversation import Message
    from luthier.evaluation.result import ModelResult, Outcome
    from luthier.evaluation.task import EvalTask, Sample

BASE, TUNED = "smollm2", "orders-v1"
NOTHING_FOUND = Findings()
MONTHS = ("May", "June", "July")


@dataclass(frozen=True)
class Made:
    """What a made report is to hold; `text` stands wherever a model, a row or a person can write."""

    count: int = 30
    text: str = ""
    is_pair: bool = True
    has_grades: bool = True
    base_passes_every: int = 0
    tuned_fails_every: int = 11


TRAINING = TrainingSummary(
    base=BASE,
    points=tuple(LossPoint(step, 2 / step + 0.05 * math.sin(step)) for step in range(1, 91)),
    validation_points=(LossPoint(30, 0.31), LossPoint(60, 0.14), LossPoint(90, 0.12)),
    settings={"learning_rate": 0.0002, "r": 16, "target_modules": "<all>"},
    seconds=412.3,
    tokens=190_234,
    tokens_per_second=461.4,
    trainable_parameters=4_884_480,
)
DATA = DataSummary("orders", 300, 240, 30, 30, "data-fingerprint", {"near-duplicate": 2})


def make_report(made: Made = Made(), *, findings: Findings = NOTHING_FOUND) -> EvalReport:
    tuned = made.text[:60] or TUNED
    engine = ScriptedEngine({BASE: answer_as_base(made), tuned: answer_as_tuned(made)})
    task = make_task(made)
    candidate = run_evaluation(engine, tuned, task)
    if made.has_grades:
        candidate = add_grades(candidate, task, made)
    if not made.is_pair:
        return build_report(task, candidate, findings=findings)
    baseline = run_evaluation(engine, BASE, task)
    if made.has_grades:
        baseline = add_grades(baseline, task, made)
    return build_report(task, candidate, baseline=baseline, findings=findings)


def make_task(made: Made) -> EvalTask:
    criteria = (
        Criterion(parse_grader(r"regex:^\{"), "guardrail"),
        Criterion(parse_grader("exact"), "secondary"),
        Criterion(parse_grader("regex:currency"), "secondary"),
    )
    dataset = order_dataset(range(made.count))
    return build_task(dataset, parse_grader("json"), Sampling(), criteria=criteria if made.has_grades else ())


def answer_as_base(made: Made) -> Callable[[tuple[Message, ...]], str]:
    indices = {order_prompt(index): index for index in range(made.count)}

    def answer(messages: tuple[Message, ...]) -> str:
        index = indices[messages[-1].content]
        if made.base_passes_every and index % made.base_passes_every == 0:
            return order_json(index)
        name, goods, *_ = order_fields(index)
        return made.text or RAMBLES[index % len(RAMBLES)].format(name=name, goods=goods)

    return answer


def answer_as_tuned(made: Made) -> Callable[[tuple[Message, ...]], str]:
    indices = {order_prompt(index): index for index in range(made.count)}

    def answer(messages: tuple[Message, ...]) -> str:
        index = indices[messages[-1].content]
        if made.tuned_fails_every and index % made.tuned_fails_every == 0:
            return order_json(index, total=1, tip=made.text or "none", date=f"{1 + index % 28}/5")
        return order_json(index)

    return answer


def add_grades(result: ModelResult, task: EvalTask, made: Made) -> ModelResult:
    """What graders that know fields and labels, and an engine that tells log-probabilities, would have added."""
    outcomes = zip(task.samples, result.outcomes, strict=True)
    return replace(result, outcomes=tuple(add_grade(sample, outcome, made) for sample, outcome in outcomes))


def add_grade(sample: Sample, outcome: Outcome, made: Made) -> Outcome:
    wanted = json.loads(sample.reference)
    got = read_object(outcome.output)
    fields = tuple(grade_field(key, wanted, got, made.text) for key in {**wanted, **got})
    right = sum(field.kind == "right" for field in fields)
    months = {f"{number:02d}": month for number, month in enumerate(MONTHS, start=5)}
    months = {number: f"{month}{made.text[:60]}" for number, month in months.items()}
    label = LabelPair(months[wanted["date"][:2]], months.get(str(got.get("date", ""))[:2], ""))
    sureness = 0.55 + 0.4 * ((sample.line * 7) % 10) / 10
    return replace(outcome, score=right / len(fields), fields=fields, label=label, mean_log_prob=math.log(sureness))


def read_object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def grade_field(key: str, wanted: dict[str, object], got: dict[str, object], text: str) -> FieldGrade:
    kind: Literal["right", "wrong", "omitted", "invented"]
    if key in wanted:
        kind = "omitted" if key not in got else "right" if wanted[key] == got[key] else "wrong"
    else:
        kind = "invented"
    return FieldGrade(
        f"{key}{text[:40]}", kind, json.dumps(wanted[key]) if key in wanted else "", json.dumps(got.get(key))
    )


def make_findings(made: Made = Made(), *, is_bad: bool = False) -> Findings:
    tuned = made.text[:60] or TUNED
    return Findings(
        forgetting=make_forgetting(tuned, made.text, is_bad=is_bad),
        contamination=make_contamination(tuned, made, is_bad=is_bad),
        memory=MemoryProbe(tuned, 29, 30, 18 if is_bad else 27, 30, Interval(0.15 if is_bad else -0.08, 0.4)),
        canaries=make_canaries(tuned, made.text, is_bad=is_bad),
        judges=(make_judge(made.text, is_bad=is_bad),),
        latency=(
            Latency(BASE, 5, Spread(0.08, 0.07, 0.11), Spread(2.4, 2.1, 3.0), 26.0),
            Latency(tuned, 5, Spread(0.08, 0.07, 0.1), Spread(1.1, 0.9, 1.3), 25.0),
        ),
        costs=(Cost(BASE, 0.33, "2.4 s an answer"), Cost(tuned, 0.15, f"1.1 s an answer {made.text[:200]}")),
        uses=TestUses(tuned, 3, False, False, (TestUse("orders-v0", "old", "2026-11-01", "do_not_ship", False),)),
    )


def make_forgetting(tuned: str, text: str, *, is_bad: bool) -> Forgetting:
    probe = ProbeCase(
        text or "What is the capital of France?",
        text or "The capital of France is Paris.",
        text or '{"customer": "France", "items": [], "total": 0}',
        text or "words of the training rows where nobody asked for them",
    )
    drift = 0.31 if is_bad else 0.012
    families = (
        Family(
            "general_text", "General text", drift, Interval(drift - 0.02, drift + 0.02), 0.05, "nats per token",
            3.21, 3.21 + drift, 64, "degraded" if is_bad else "ok", "general passages became less likely",
            (probe,) if is_bad else (),
        ),
        Family(
            "instructions", "Instructions", 0.02, Interval(-0.06, 0.1), 0.1, "share of answers",
            0.4, 0.38, 50, "ok", "20 of 50 followed before, 19 now", (probe,),
        ),
        Family(
            "leakage", "Leakage", 0.0, Interval(0.0, 0.11), 0.0, "share of answers",
            0.0, 0.0, 30, "cannot_tell" if is_bad else "ok", "no answer leaks", (),
        ),
    )  # fmt: skip
    remedies = ("lower the learning rate", "train for fewer epochs") if is_bad else ()
    return Forgetting("2026.11+abcdef012345", BASE, tuned, families, 0.42, remedies)


def make_contamination(tuned: str, made: Made, *, is_bad: bool) -> Contamination:
    text = made.text or order_prompt(2)
    leaks = (
        LeakedCase(tuned, "a", 3, "exact", "train.jsonl", 17, 1.0, text, text, text),
        LeakedCase(tuned, "b", 5, "near", "", 0, 0.91, "", text, ""),
    )
    checks = (RowsChecked(tuned, 240, "rows", ""), RowsChecked(BASE, 0, "nothing", "what it was trained on is unknown"))
    return Contamination(made.count, leaks if is_bad else (), checks)


def make_canaries(tuned: str, text: str, *, is_bad: bool) -> CanaryFindings:
    found = Reproduction("canary-1", tuned, "lure", text or "My number is", text or "My number is 4711-0815")
    return CanaryFindings(tuned, 5, 60, (found,) if is_bad else (), (Exposure("canary-1", 1 if is_bad else 31, 64),))


def make_judge(text: str, *, is_bad: bool) -> JudgeAgreement:
    wrong = 10 if is_bad else 1
    opinions = [Opinion(index % 2 == 0, (index % 2 == 0) == (index >= wrong)) for index in range(50)]
    return measure_judge(text[:80] or "tone.json", opinions)
