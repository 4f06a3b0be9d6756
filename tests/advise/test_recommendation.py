from __future__ import annotations

from dataclasses import replace

from luthier.advise.copies import CopiedRow
from luthier.advise.ladder import Step, judge_target
from luthier.advise.recommendation import Needs, Recommendation, count_cases, find_best_above, recommend
from luthier.advise.rungs import Rung, Technique, name_rung
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.stats.intervals import wilson_interval
from tests.evaluation.results import build_result

TARGET = 0.8


def build_step(technique: Technique, passed: int, *, total: int = 50, trained_on: tuple[int, ...] = ()) -> Step:
    name = name_rung(technique, "shop-v1" if "tuned" in technique else "clerk")
    result = build_result(name, "p" * passed + "f" * (total - passed), trained_on=trained_on)
    rung = Rung(technique, "clerk", name, ScriptedEngine({}), {})
    return Step(rung, result, (), judge_target(result.interval, TARGET), seen_lines=trained_on)


def advise(*steps: Step, changes: bool = False, cites: bool = False) -> Recommendation:
    return recommend(steps, Needs(TARGET, changes=changes, cites=cites))


def find_technique(found: Recommendation) -> tuple[str, str]:
    return found.finding, found.step.rung.technique if found.step else ""


def test_the_lowest_rung_that_meets_the_target_is_advised_and_not_the_best() -> None:
    steps = [build_step("prompt", 10), build_step("few_shot", 47), build_step("tuned", 50)]
    assert find_technique(advise(*steps)) == ("met", "few_shot")


def test_a_rung_that_is_proven_wins_over_a_lower_one_that_may_be_luck() -> None:
    assert find_technique(advise(build_step("prompt", 42), build_step("tuned", 50))) == ("met", "tuned")


def test_without_a_proven_one_the_lowest_that_reaches_it_is_probable_with_the_cases_it_takes() -> None:
    found = advise(build_step("prompt", 30), build_step("few_shot", 43), build_step("tuned", 44))
    assert find_technique(found) == ("unproven", "few_shot")
    assert found.cases_needed == count_cases(0.86, TARGET)


def test_when_all_miss_it_the_closest_is_named_and_of_equals_the_lowest() -> None:
    found = advise(build_step("prompt", 10), build_step("few_shot", 30), build_step("tuned", 30))
    assert find_technique(found) == ("missed", "few_shot")


def test_a_rung_that_saw_the_test_in_training_is_never_advised() -> None:
    found = advise(build_step("prompt", 10), build_step("tuned", 50, trained_on=(1, 2)))
    assert find_technique(found) == ("missed", "prompt")
    assert "2 of the 50 test rows were in its training data" in found.objections["shop-v1"]


def test_answers_that_must_name_their_sources_need_retrieval() -> None:
    steps = [build_step("prompt", 50), build_step("retrieval", 50), build_step("tuned_retrieval", 50)]
    assert find_technique(advise(*steps, cites=True)) == ("met", "retrieval")


def test_knowledge_that_changes_does_not_belong_into_weights_alone() -> None:
    steps = [build_step("prompt", 10), build_step("tuned", 50), build_step("tuned_retrieval", 50)]
    found = advise(*steps, changes=True)
    assert find_technique(found) == ("met", "tuned_retrieval")
    assert list(found.objections) == ["shop-v1"]


def test_nothing_is_advised_where_nothing_was_measured_or_may_be() -> None:
    assert find_technique(advise()) == ("nothing", "")
    assert find_technique(advise(build_step("prompt", 50), cites=True)) == ("nothing", "")


def test_the_number_of_cases_proves_the_target_and_one_less_does_not() -> None:
    for rate in (0.85, 0.9, 0.99):
        needed = count_cases(rate, TARGET)
        assert needed is not None
        assert wilson_interval(round(rate * needed), needed).low >= TARGET
        assert wilson_interval(round(rate * (needed - 1)), needed - 1).low < TARGET


def test_a_rate_at_the_target_is_never_proven() -> None:
    assert count_cases(TARGET, TARGET) is None


def test_the_best_above_is_looked_for_above_alone() -> None:
    steps = [build_step("prompt", 50), build_step("few_shot", 10), build_step("tuned", 20)]
    assert find_best_above(steps[0], steps) is steps[2]
    assert find_best_above(steps[2], steps) is None


def test_a_rung_that_can_copy_the_answer_is_never_advised_and_says_where() -> None:
    copy = CopiedRow(7, "exact", "faq.md", 3, 1.0, "What? That.")
    step = build_step("retrieval", 50)
    copying = replace(step, rung=replace(step.rung, copies=(copy,)))
    found = advise(build_step("prompt", 45), copying)
    assert found.step is not None
    assert found.step.rung.technique == "prompt"
    assert found.objections[copying.name].startswith("1 of the 50 test rows (line 7) stand with their answers in what")
    assert "faq.md:3" in found.objections[copying.name]
    assert (copying.state, copying.standing) == ("met", "void")
