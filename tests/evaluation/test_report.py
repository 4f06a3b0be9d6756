from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from luthier.conversation import Conversation, Message, ToolCall, canonical_json
from luthier.data.dataset import Example
from luthier.engine.protocol import Sampling, Structure
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import PromptTooLong, StoreDamaged
from luthier.evaluation.documents import FINDINGS, describe_findings
from luthier.evaluation.gates.evidence import Findings
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.report import EvalReport, build_report
from luthier.evaluation.runner import run_evaluation
from luthier.evaluation.task import build_task
from tests.evaluation.findings import build_judge
from tests.support.orders import answer_all_but, index_of, order_conversation, order_dataset, order_json, ramble

JSON = Structure("json_object")
TOOLS = '[{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]'


def build(*, is_pair: bool = True) -> EvalReport:
    tuned = answer_all_but({4: order_json(4, total=1), 17: "half a pair \ud800"})
    engine = ScriptedEngine({"smollm2": ramble, "orders-v1": tuned})
    task = build_task(order_dataset(), parse_grader("json"), Sampling(max_tokens=40))
    baseline = run_evaluation(engine, "smollm2", task) if is_pair else None
    return build_report(task, run_evaluation(engine, "orders-v1", task), baseline=baseline)


@pytest.mark.parametrize("is_pair", [True, False])
def test_a_report_survives_json(is_pair: bool) -> None:
    report = build(is_pair=is_pair)
    assert EvalReport.from_json(json.loads(json.dumps(report.to_json()))) == report
    assert EvalReport.from_json(json.loads(canonical_json(report.to_json()))) == report


def test_the_numbers_stand_where_scripts_look_for_them() -> None:
    document = build().to_json()
    assert document["format"] == 1
    assert (document["baseline"], document["candidate"]) == ("smollm2", "orders-v1")
    tuned = document["models"]["orders-v1"]
    assert (tuned["passed"], tuned["total"]) == (28, 30)
    assert tuned["pass_rate"] == pytest.approx(28 / 30)
    assert tuned["interval"] == pytest.approx([0.787, 0.982], abs=0.001)
    comparison = document["comparison"]
    assert (comparison["fixed"], comparison["broken"]) == (28, 0)
    assert len(comparison["fixed_samples"]) == 28
    assert comparison["interval"][0] < comparison["difference"] < comparison["interval"][1]
    assert comparison["p_value"] < 0.0001
    assert document["verdict"]["decision"] == "ship"
    first = document["verdict"]["gates"][0]
    assert (first["key"], first["state"], first["passed"], first["value"]) == ("contamination", "passed", True, 0)
    assert document["minimum_detectable_gain"] == pytest.approx(0.26, abs=0.01)
    assert document["same_prompts"] is True


def test_a_case_without_an_answer_and_a_call_survive_json() -> None:
    def fail(messages: tuple[Message, ...]) -> str:
        if index_of(messages) == 3:
            raise PromptTooLong("the prompt has 9 tokens")
        return answer_all_but({})(messages)

    call = ToolCall("1", "find", '{"what": "lamp"}')
    calling = Example(
        Conversation((*order_conversation(9).prompt, Message("assistant", tool_calls=(call,))), TOOLS), 31
    )
    examples = (*order_dataset().examples, calling)
    task = build_task(replace(order_dataset(), examples=examples), parse_grader("json"), Sampling(), structure=JSON)
    report = build_report(task, run_evaluation(ScriptedEngine({"orders-v1": fail}), "orders-v1", task))
    document = json.loads(json.dumps(report.to_json()))
    assert EvalReport.from_json(document) == report
    assert (document["models"]["orders-v1"]["unanswered"], document["models"]["orders-v1"]["cost_dollars"]) == (1, 0)
    missing = document["cases"][3]["outputs"]["orders-v1"]
    assert (missing["kind"], missing["error"]) == ("unanswered", "prompt_too_long")
    assert document["cases"][30]["reference_calls"][0]["name"] == "find"
    assert document["manifests"]["orders-v1"]["structure"] == {"kind": "json_object", "value": ""}


def test_a_report_of_an_earlier_version_can_still_be_read() -> None:
    document = build().to_json()
    for manifest in document["manifests"].values():
        del manifest["structure"]
    del document["comparison"]["unanswered"]
    del document["findings"]["judges"]
    document["findings"]["judge"] = None
    for case in document["cases"]:
        for output in case["outputs"].values():
            for key in ("tool_calls", "cost_dollars", "error"):
                del output[key]
    assert EvalReport.from_json(document) == build()
    document["findings"]["judge"] = describe_findings(Findings(judges=(build_judge("a.json", agreed=20),)))["judges"][0]
    assert [each.judge for each in EvalReport.from_json(document).judges] == ["a.json"]


def test_a_verdict_from_before_gates_had_keys_can_still_be_read() -> None:
    document = build().to_json()
    document["verdict"]["decision"] = "not_enough_data"
    document["verdict"]["gates"] = [
        {"name": "Enough cases", "measured": "30", "wanted": "6", "passed": True},
        {"name": "The gain is proven", "measured": "0", "wanted": "more", "passed": False},
    ]
    del document["verdict"]["warnings"], document["findings"], document["gates"]
    report = EvalReport.from_json(document)
    assert report.verdict is not None
    assert report.verdict.decision == "cannot_tell"
    assert [gate.state for gate in report.verdict.gates] == ["passed", "failed"]


def test_no_finding_is_forgotten_when_a_report_is_written() -> None:
    assert set(FINDINGS) == {field.name for field in fields(Findings)}


def test_each_case_carries_what_both_models_wrote() -> None:
    case = build().to_json()["cases"][4]
    assert case["line"] == 5
    assert case["prompt"][-1]["role"] == "user"
    assert json.loads(case["reference"]) == json.loads(order_json(4))
    assert case["outputs"]["smollm2"]["kind"] == "failed"
    assert case["outputs"]["orders-v1"]["explanation"] == "total: expected 19.5, got 1"


def test_one_model_alone_gets_no_verdict() -> None:
    document = build(is_pair=False).to_json()
    assert document["verdict"] is document["comparison"] is document["baseline"] is document["same_prompts"] is None


def test_another_format_is_refused() -> None:
    with pytest.raises(StoreDamaged, match="format 2 cannot be read"):
        EvalReport.from_json(build().to_json() | {"format": 2})


@pytest.mark.parametrize(
    "damage",
    [
        {"cases": None},
        {"candidate": "another"},
        {"manifests": {}},
        {"verdict": {"decision": "perhaps"}},
        {"cases": [{}]},
    ],
)
def test_a_damaged_report_is_refused_by_name(damage: dict[str, Any]) -> None:
    with pytest.raises(StoreDamaged, match="the report cannot be read"):
        EvalReport.from_json(build().to_json() | damage)
