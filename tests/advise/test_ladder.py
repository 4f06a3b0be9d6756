from __future__ import annotations

from pathlib import Path

import pytest

from luthier.advise.ladder import Climb, climb, judge_target
from luthier.advise.recommendation import Needs, find_objection
from luthier.advise.retrieval.corpus import read_corpus
from luthier.advise.rungs import Rung, RungPlan, Skipped
from luthier.conversation import Message
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.errors import EngineUnavailable, MachineError
from luthier.evaluation.cache import OutputCache
from luthier.stats.intervals import Interval
from tests.advise.shop import build_workshop, climb_shop, guess, know, shop_task, write_documents


def test_it_climbs_until_the_target_is_met_and_no_further(tmp_path: Path) -> None:
    ascent = climb_shop(tmp_path)
    assert [(step.rung.technique, step.result.passed, step.state) for step in ascent.steps] == [
        ("prompt", 0, "not_met"),
        ("few_shot", 7, "not_met"),
        ("retrieval", 20, "met"),
    ]
    assert [(each.technique, each.is_above) for each in ascent.skipped] == [
        ("few_shot_retrieval", True),
        ("tuned", True),
        ("tuned_retrieval", True),
    ]


def test_it_climbs_to_the_top_where_that_is_wanted(tmp_path: Path) -> None:
    ascent = climb_shop(tmp_path, takes_all=True)
    assert [step.rung.technique for step in ascent.steps][-2:] == ["tuned", "tuned_retrieval"]
    assert ascent.skipped == ()


def test_a_rung_that_may_not_be_recommended_does_not_end_the_climb(tmp_path: Path) -> None:
    workshop = build_workshop(corpus=read_corpus(write_documents(tmp_path)))
    goal = Climb(0.01, is_eligible=lambda step: not find_objection(step, Needs(0.01, cites=True)))
    ascent = climb(workshop.plan(["clerk"], "clerk"), workshop.materials.task, goal)
    assert [step.rung.technique for step in ascent.steps] == ["prompt", "few_shot", "retrieval"]
    assert ascent.steps[1].state == "met"


def test_a_model_that_has_learned_a_row_of_the_test_says_so() -> None:
    workshop = build_workshop()
    goal = Climb(0.8, find_leaks=lambda rung: (3, 1) if rung.model == "shop-v1" else ())
    ascent = climb(workshop.plan(["clerk"], "clerk"), workshop.materials.task, goal)
    assert [step.seen_lines for step in ascent.steps] == [(), (), (1, 3)]


def test_each_rung_is_compared_with_the_best_one_below() -> None:
    ascent = climb_shop(takes_all=True)
    prompt, few_shot, tuned = ascent.steps
    assert (prompt.below, prompt.change) == ("", None)
    assert (few_shot.below, tuned.below) == ("clerk", "clerk with examples")
    assert tuned.change is not None
    assert (tuned.change.fixed, tuned.change.broken) == (13, 0)


def test_a_rung_that_cannot_be_measured_does_not_end_the_climb() -> None:
    def refuse() -> str:
        raise EngineUnavailable("api.example.com does not answer")

    workshop = build_workshop(tune=refuse)
    ascent = climb(workshop.plan(["clerk"], "clerk"), workshop.materials.task, Climb(0.8))
    assert [step.rung.technique for step in ascent.steps] == ["prompt", "few_shot"]
    assert ascent.skipped[-2].reason == "api.example.com does not answer"


def test_what_concerns_every_rung_ends_the_climb() -> None:
    def fail() -> Rung | Skipped:
        raise MachineError("the disk is gone")

    with pytest.raises(MachineError, match="the disk is gone"):
        climb([RungPlan("tuned", "clerk", fail)], shop_task(), Climb(0.8))


def test_a_climb_that_was_stopped_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    asked: list[str] = []

    def count(messages: tuple[Message, ...]) -> str:
        asked.append(messages[-1].content)
        if len(asked) == 30:
            raise EngineUnavailable("killed")
        return guess(messages)

    cache = OutputCache(tmp_path)
    engine = ScriptedEngine({"clerk": count, "shop-v1": know})

    def run() -> list[int]:
        workshop = build_workshop(engine=engine)
        ascent = climb(workshop.plan(["clerk"], "clerk"), workshop.materials.task, Climb(0.8), cache=cache)
        return [step.result.passed for step in ascent.steps]

    assert run() == [0, 20]  # few-shot was lost at its tenth question
    assert len(asked) == 40  # all were submitted before the error ended the rung
    kept = len(list(tmp_path.rglob("*.json")))
    assert run() == [0, 7, 20]
    assert len(asked) == 40 + 60 - kept


def test_examples_that_have_no_room_are_counted() -> None:
    workshop = build_workshop(fits=lambda question: len(question.messages) <= 4)
    ascent = climb(workshop.plan(["clerk"], "clerk"), workshop.materials.task, Climb(0.8))
    few_shot = ascent.steps[1]
    assert few_shot.left_out == 20 * 2
    assert {len(prompt.shown) for prompt in few_shot.prompts} == {1}


@pytest.mark.parametrize(
    ("interval", "state"),
    [((0.9, 1.0), "met"), ((0.8, 0.89), "not_met"), ((0.85, 0.95), "cannot_tell"), ((0.5, 0.9), "cannot_tell")],
)
def test_the_target_is_met_or_missed_only_by_the_whole_interval(interval: tuple[float, float], state: str) -> None:
    assert judge_target(Interval(*interval), 0.9) == state


def test_a_void_rung_is_not_compared_and_nobody_is_compared_with_it(tmp_path: Path) -> None:
    workshop = build_workshop(corpus=read_corpus(write_documents(tmp_path)))
    goal = Climb(0.8, takes_all=True, find_leaks=lambda rung: (3,) if rung.name == "clerk with passages" else ())
    steps = climb(workshop.plan(["clerk"], "clerk"), workshop.materials.task, goal).steps
    assert [(step.standing, step.below) for step in steps[1:5]] == [
        ("not_met", "clerk"),
        ("void", ""),
        ("met", "clerk with examples"),
        ("met", "clerk with examples and passages"),
    ]
    assert steps[2].change is None
