"""Whatever a result depends on stands in its manifest: a change of it is refused in a comparison, or told in it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from luthier.engine.protocol import Sampling, Structure
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import UnlikeComparison
from luthier.evaluation.compare import compare_results
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.report import build_report
from luthier.evaluation.result import EvalManifest, ModelResult
from luthier.evaluation.runner import run_evaluation
from luthier.evaluation.task import Criterion, EvalTask, build_task
from tests.support.orders import order_dataset, order_json, ramble

WHAT_IS_COMPARED = {"model", "base", "weights_hash", "template_hash", "prompts_hash", "task"}
"""These may differ: the report shows both values, and a difference of the templates in words too."""

OTHER: dict[str, Any] = {
    "sampling": Sampling(seed=1),
    "structure": Structure("json_object"),
    "criteria": ("exact",),
}
TASK = build_task(order_dataset(), parse_grader("json"), Sampling())
ENGINE = ScriptedEngine({"before": ramble, "after": lambda messages: order_json(0)})


def measure(task: EvalTask = TASK, model: str = "after") -> ModelResult:
    return run_evaluation(ENGINE, model, task)


@pytest.mark.parametrize("name", [field.name for field in fields(EvalManifest)])
def test_a_changed_condition_is_refused_or_told(name: str) -> None:
    before, after = measure(model="before"), measure()
    changed = replace(after, manifest=replace(after.manifest, **{name: OTHER.get(name, "something else")}))
    if name not in WHAT_IS_COMPARED:
        with pytest.raises(UnlikeComparison, match="not measured alike"):
            compare_results(before, changed)
        return
    document = build_report(TASK, changed, baseline=before).to_json()
    told = {model: manifest[name] for model, manifest in document["manifests"].items()}
    assert told[changed.model] == "something else" != told["before"]
    assert document["same_prompts"] is (name != "template_hash")


def list_other_tasks() -> dict[str, EvalTask]:
    samples = TASK.samples
    first, *rest = samples
    return {
        "another grader": replace(TASK, grader=parse_grader("exact")),
        "another definition of the same name": replace(TASK, grader=Renamed("json", "exact")),
        "another criterion": replace(TASK, criteria=(Criterion(parse_grader("exact"), "secondary"),)),
        "a sampling of its own": replace(TASK, sampling=Sampling(max_tokens=7)),
        "another seed": replace(TASK, sampling=Sampling(seed=7)),
        "a form": replace(TASK, structure=Structure("json_object")),
        "other rows": replace(TASK, data_fingerprint="other"),
        "another reference": replace(TASK, samples=(replace(first, reference="{}"), *rest)),
        "another order": replace(TASK, samples=(*rest, first)),
        "a case less": replace(TASK, samples=tuple(rest)),
        "other clusters": replace(TASK, samples=(replace(first, cluster="1"), *rest)),
    }


class Renamed:
    """A grader that grades like one and is called like another."""

    def __init__(self, name: str, definition: str) -> None:
        self.name, self.definition = name, definition
        self.reference_problem = parse_grader(definition).reference_problem
        self.grade = parse_grader(definition).grade


@pytest.mark.parametrize("change", list_other_tasks())
def test_a_result_of_another_test_is_refused(change: str) -> None:
    with pytest.raises(UnlikeComparison, match="not measured alike"):
        compare_results(measure(model="before"), measure(list_other_tasks()[change]))


def test_the_same_conditions_give_the_same_manifest() -> None:
    assert measure() == measure()
    assert measure().manifest.prompts_hash == measure(model="before").manifest.prompts_hash


def test_other_prompts_have_another_hash() -> None:
    first, *rest = TASK.samples
    asked = replace(first, prompt=(replace(first.prompt[0], content="Otherwise."), *first.prompt[1:]))
    other = replace(TASK, samples=(asked, *rest))
    engine = ScriptedEngine({"after": lambda messages: "{}"})
    hashes = {run_evaluation(engine, "after", task).manifest.prompts_hash for task in (TASK, other)}
    assert len(hashes) == 2
