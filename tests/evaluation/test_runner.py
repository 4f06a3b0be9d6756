from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest

from luthier.conversation import Conversation, Message, ToolCall
from luthier.data.dataset import Dataset, Example
from luthier.engine.protocol import ModelIdentity, Request, Response, Sampling
from luthier.engine.scripted_engine import Script, ScriptedEngine
from luthier.errors import (
    DeadlineExceeded,
    EngineUnavailable,
    InvalidRequest,
    LuthierError,
    OutOfMemory,
    PromptTooLong,
    RequestCancelled,
    UnknownModel,
)
from luthier.evaluation.cache import OutputCache
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.judgement import judge_responses
from luthier.evaluation.runner import Contestant, run_evaluation, run_evaluations
from luthier.evaluation.task import EvalTask, build_task
from tests.support.orders import answer_all_but, index_of, order_conversation, order_dataset, order_json, ramble

if TYPE_CHECKING:
    from luthier.engine.answer import Answer

TOOLS = '[{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]'


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


def fail_at(wrong: dict[int, LuthierError]) -> Script:
    def answer(messages: tuple[Message, ...]) -> str:
        if error := wrong.get(index_of(messages)):
            raise error
        return answer_all_but({})(messages)

    return answer


def test_a_sample_that_cannot_be_answered_is_counted_and_the_others_go_on(tmp_path: Path) -> None:
    wrong: dict[int, LuthierError] = {
        2: PromptTooLong("the prompt has 9 tokens"),
        5: DeadlineExceeded("it took too long"),
        7: InvalidRequest("a server of somebody else says no"),
    }
    engine, cache, steps = ScriptedEngine({"orders-v1": fail_at(wrong)}), OutputCache(tmp_path), []
    result = run_evaluation(engine, "orders-v1", build(), cache=cache, on_progress=steps.append)
    assert (result.passed, result.unanswered, result.total, sum(steps)) == (7, 3, 10, 10)
    missing = [outcome for outcome in result.outcomes if not outcome.is_answered]
    assert [(outcome.line, outcome.error) for outcome in missing] == [
        (3, "prompt_too_long"),
        (6, "deadline_exceeded"),
        (8, "invalid_request"),
    ]
    assert missing[0].explanation == "the prompt has 9 tokens"

    counted = Counted()
    again = run_evaluation(ScriptedEngine({"orders-v1": counted}), "orders-v1", build(), cache=cache)
    assert (again.passed, counted.count) == (10, 3)


@pytest.mark.parametrize("error", [EngineUnavailable("away"), OutOfMemory("full"), RequestCancelled("closed")])
def test_an_engine_that_fails_ends_the_evaluation_and_what_it_answered_is_kept(
    tmp_path: Path, error: LuthierError
) -> None:
    cache, counted = OutputCache(tmp_path), Counted()
    with pytest.raises(type(error)):
        run_evaluation(ScriptedEngine({"orders-v1": fail_at({6: error})}), "orders-v1", build(), cache=cache)
    run_evaluation(ScriptedEngine({"orders-v1": counted}), "orders-v1", build(), cache=cache)
    assert counted.count == 4


def test_a_model_without_any_answer_ends_the_evaluation_with_the_first_reason() -> None:
    wrong = {index: PromptTooLong(f"prompt {index}") for index in range(10)}
    with pytest.raises(PromptTooLong, match="prompt 0"):
        run_evaluation(ScriptedEngine({"orders-v1": fail_at(wrong)}), "orders-v1", build())


@dataclass(frozen=True)
class Listed(ScriptedEngine):
    """Says nothing before as many answers are asked for as it knows of."""

    expected: int = 0
    asked: list[str] = field(default_factory=list)
    is_complete: Event = field(default_factory=Event)

    def submit(self, request: Request) -> Answer:
        self.asked.append(request.model)
        if len(self.asked) == self.expected:
            self.is_complete.set()
        return super().submit(request)


def test_all_models_are_asked_at_once_and_each_is_counted_for_itself(tmp_path: Path) -> None:
    scripts, counts = {"base": ramble, "tuned": answer_all_but({})}, Counter[str]()
    run_evaluations([Contestant(ScriptedEngine(scripts), "base")], build(), cache=OutputCache(tmp_path))
    is_complete, was_complete = Event(), []

    def sleep(seconds: float) -> None:
        was_complete.append(is_complete.wait(120))

    engine = Listed(scripts, word_seconds=1, sleep=sleep, expected=13, is_complete=is_complete)
    for damaged in sorted(tmp_path.rglob("*.json"))[:3]:
        damaged.write_text("{")
    before, after = run_evaluations(
        [Contestant(engine, "base"), Contestant(engine, "tuned")],
        build(),
        cache=OutputCache(tmp_path),
        on_progress=lambda model, done: counts.update({model: done}),
    )
    assert (before.passed, after.passed) == (0, 10)
    assert counts == {"base": 10, "tuned": 10}
    assert engine.asked == ["base"] * 3 + ["tuned"] * 10
    assert all(was_complete)


def test_an_answer_is_asked_for_again_when_its_prompt_is_rendered_differently(tmp_path: Path) -> None:
    class Dated(ScriptedEngine):
        def hash_prompt(self, request: Request) -> str:
            return today + super().hash_prompt(request)

    counted, cache, today = Counted(), OutputCache(tmp_path), "Monday"
    run_evaluation(Dated({"orders-v1": counted}), "orders-v1", build(), cache=cache)
    today = "Tuesday"
    run_evaluation(Dated({"orders-v1": counted}), "orders-v1", build(), cache=cache)
    run_evaluation(Dated({"orders-v1": counted}), "orders-v1", build(), cache=cache)
    assert counted.count == 20


def test_calls_are_graded_as_calls_and_words_as_words() -> None:
    calls = {what: ToolCall("1", "find", json.dumps({"what": what})) for what in ("lamp", "desk")}
    wanted = [Message("assistant", tool_calls=(calls[what],)) for what in ("lamp", "desk")]
    rows = [(Message("user", "lamp"), wanted[0]), (Message("user", "desk"), wanted[1])]
    rows.append((Message("user", "none"), Message("assistant", "{}")))
    examples = [Example(Conversation(row, TOOLS), line) for line, row in enumerate(rows, start=1)]
    task = build_task(Dataset("shop", Path("shop.jsonl"), tuple(examples)), parse_grader("json"), Sampling())

    def call_lamp(messages: tuple[Message, ...]) -> Message:
        return wanted[0]

    result = run_evaluation(ScriptedEngine({"caller": call_lamp}), "caller", task)
    assert [outcome.kind for outcome in result.outcomes] == ["passed", "failed", "failed"]
    assert result.outcomes[2].explanation == "calls find where the reference answers in words"
    assert result.outcomes[0].tool_calls == wanted[0].tool_calls
    talker = run_evaluation(ScriptedEngine({"talker": lambda _: "{}"}), "talker", task)
    assert [outcome.kind for outcome in talker.outcomes] == ["failed", "failed", "passed"]


def test_what_a_server_withheld_has_failed() -> None:
    task = build_task(order_dataset(range(1)), parse_grader("regex:^"), Sampling())
    withheld = Response("", "content_filter", 1, 0, "hash")
    (judgement,) = judge_responses(task.samples[:1], [withheld], task)
    assert judgement.grade.explanation == "withheld by the server's content filter"
    assert judgement.kind == "failed"
