from __future__ import annotations

from dataclasses import dataclass, field, replace

from luthier.conversation import Message
from luthier.engine.protocol import Sampling
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import PromptTooLong
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.latency import Spread, choose_samples, measure_latency
from luthier.evaluation.runner import Contestant
from luthier.evaluation.task import EvalTask, build_task
from tests.support.orders import order_dataset


@dataclass
class Clock:
    """Stands still but for what a script says that its answer takes."""

    now: float = 0.0
    asked: list[str] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def script(self, name: str, *, seconds: list[float], text: str = "one two three four"):
        def answer(messages: tuple[Message, ...]) -> str:
            self.asked.append(name)
            self.now += seconds[min(self.asked.count(name), len(seconds)) - 1]
            return text

        return answer


def build(total: int = 30) -> EvalTask:
    return build_task(order_dataset(range(total)), parse_grader("json"), Sampling(max_tokens=40))


def test_models_take_turns_and_the_first_answer_of_each_is_not_measured() -> None:
    clock = Clock()
    slow, quick = clock.script("slow", seconds=[60, 4, 6, 5]), clock.script("quick", seconds=[60, 1, 3, 2])
    engine = ScriptedEngine({"slow": slow, "quick": quick})
    found = measure_latency(
        [Contestant(engine, "slow"), Contestant(engine, "quick")], build(), count=3, budget_seconds=100, clock=clock
    )
    assert clock.asked == ["slow", "quick"] * 4
    assert [each.whole_seconds for each in found] == [Spread(5, 4, 6), Spread(2, 1, 3)]
    assert [each.count for each in found] == [3, 3]
    assert found[0].tokens_per_second == 12 / 15


def test_no_round_begins_when_the_time_is_over_and_one_is_always_run() -> None:
    clock = Clock()
    engine = ScriptedEngine({"slow": clock.script("slow", seconds=[10])})
    (found,) = measure_latency([Contestant(engine, "slow")], build(), count=5, budget_seconds=15, clock=clock)
    assert found.count == 2
    (least,) = measure_latency([Contestant(engine, "slow")], build(), count=5, budget_seconds=0, clock=clock)
    assert least.count == 1


def test_a_model_that_answers_nothing_has_no_time() -> None:
    def refuse(messages: tuple[Message, ...]) -> str:
        raise PromptTooLong("too long")

    engine = ScriptedEngine({"mute": refuse, "loud": lambda messages: "yes"})
    found = measure_latency([Contestant(engine, "mute"), Contestant(engine, "loud")], build())
    assert [each.model for each in found] == ["loud"]


def test_the_cases_are_taken_from_the_whole_test() -> None:
    assert [sample.line for sample in choose_samples(build(30), 4)] == [1, 11, 20, 30]
    assert [sample.line for sample in choose_samples(build(2), 6)] == [1, 2]
    (found,) = measure_latency([Contestant(ScriptedEngine({"a": lambda messages: "b"}), "a")], build(1))
    assert found.count == 1


def test_the_test_is_left_as_it_is() -> None:
    task = build()
    same = replace(task)
    measure_latency([Contestant(ScriptedEngine({"a": lambda messages: "b"}), "a")], task, count=2)
    assert task == same
