from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.engine.protocol import ModelIdentity, Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import UnknownModel
from luthier.evaluation.cache import OutputCache
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.runner import run_evaluation
from luthier.evaluation.task import EvalTask, build_task
from tests.support.orders import answer_all_but, order_conversation, order_dataset, order_json

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.conversation import Message


def build(sampling: Sampling | None = None) -> EvalTask:
    return build_task(order_dataset(range(10)), parse_grader("json"), sampling or Sampling())


class Counted:
    """Answers all orders rightly and counts how often it was asked."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, messages: tuple[Message, ...]) -> str:
        self.count += 1
        return answer_all_but({})(messages)


def test_each_sample_is_judged_by_the_grader() -> None:
    engine = ScriptedEngine({"orders-v1": answer_all_but({2: "no idea", 5: order_json(5, total=1)})})
    result = run_evaluation(engine, "orders-v1", build())
    assert (result.passed, result.failed, result.truncated, result.total) == (8, 2, 0, 10)
    assert [outcome.line for outcome in result.outcomes if not outcome.passed] == [3, 6]
    assert result.outcomes[5].explanation == "total: expected 36.0, got 1"


def test_an_answer_that_was_cut_off_is_truncated_and_not_failed() -> None:
    engine = ScriptedEngine({"orders-v1": answer_all_but({2: "word " * 100})})
    result = run_evaluation(engine, "orders-v1", build(Sampling(max_tokens=50)))
    assert result.outcomes[2].kind == "truncated"
    assert "after 50 tokens" in result.outcomes[2].explanation
    assert (result.passed, result.failed, result.truncated) == (9, 0, 1)


def test_a_cut_answer_does_not_pass_even_when_what_is_left_would() -> None:
    task = build_task(order_dataset(range(1)), parse_grader("regex:^word"), Sampling(max_tokens=2))
    engine = ScriptedEngine({"orders-v1": lambda _: "word word word"})
    assert run_evaluation(engine, "orders-v1", task).passed == 0


def test_the_manifest_says_what_was_measured_and_how() -> None:
    task, engine = build(), ScriptedEngine({"orders-v1": answer_all_but({})})
    manifest = run_evaluation(engine, "orders-v1", task).manifest
    identity = engine.identify("orders-v1")
    assert manifest.data_fingerprint == task.data_fingerprint
    assert (manifest.model, manifest.weights_hash) == ("orders-v1", identity.weights_hash)
    assert (manifest.grader, manifest.engine, manifest.sampling) == ("json", "scripted", task.sampling)


def test_a_sample_that_the_model_was_trained_on_is_marked() -> None:
    seen = frozenset({order_conversation(4).prompt_fingerprint()})
    identity = ModelIdentity("orders-v1", "smollm2", "weights", "template", seen)
    engine = ScriptedEngine({"orders-v1": answer_all_but({})}, {"orders-v1": identity})
    assert run_evaluation(engine, "orders-v1", build()).trained_on_lines == (5,)


def test_a_kept_answer_is_not_asked_for_again(tmp_path: Path) -> None:
    answers, cache, steps = Counted(), OutputCache(tmp_path), []
    engine = ScriptedEngine({"orders-v1": answers})
    first = run_evaluation(engine, "orders-v1", build(), cache=cache)
    assert answers.count == 10
    second = run_evaluation(engine, "orders-v1", build(), cache=cache, on_progress=steps.append)
    assert answers.count == 10
    assert second == first
    assert sum(steps) == 10


def test_only_the_missing_answers_are_asked_for(tmp_path: Path) -> None:
    answers, cache, steps = Counted(), OutputCache(tmp_path), []
    engine = ScriptedEngine({"orders-v1": answers})
    first = run_evaluation(engine, "orders-v1", build(), cache=cache)
    for damaged in sorted(tmp_path.rglob("*.json"))[:3]:
        damaged.write_text("{")
    assert run_evaluation(engine, "orders-v1", build(), cache=cache, on_progress=steps.append) == first
    assert answers.count == 13
    assert steps == [7, 1, 1, 1]


def test_answers_left_to_chance_are_not_kept(tmp_path: Path) -> None:
    answers, cache = Counted(), OutputCache(tmp_path)
    for _ in range(2):
        run_evaluation(ScriptedEngine({"orders-v1": answers}), "orders-v1", build(Sampling(temperature=1)), cache=cache)
    assert answers.count == 20
    assert not list(tmp_path.iterdir())


def test_a_model_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownModel):
        run_evaluation(ScriptedEngine({"orders-v1": answer_all_but({})}), "orders-v2", build())
