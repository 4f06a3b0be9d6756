from __future__ import annotations

from luthier.advise.diagnosis import Diagnosis
from luthier.advise.ladder import Step
from luthier.advise.reasons import Found, list_reasons, phrase_answer, phrase_headline
from luthier.advise.recommendation import Needs, recommend
from luthier.advise.rungs import Skipped
from tests.advise.test_recommendation import TARGET, build_step

NEEDS = Needs(TARGET)
CONTENT = Diagnosis("JSON", 0, 9, 0, 0)
FORM = Diagnosis("JSON", 9, 1, 0, 0)


def find(
    *steps: Step,
    needs: Needs = NEEDS,
    good_rows: int = 200,
    diagnosis: Diagnosis = CONTENT,
    above: bool = False,
) -> Found:
    skipped = (Skipped("tuned", "clerk", "not measured", is_above=True),) if above else ()
    diagnoses = {step.name: diagnosis for step in steps}
    return Found(recommend(steps, needs), steps, skipped, needs, good_rows, diagnoses)


def explain(found: Found) -> str:
    return "\n".join(list_reasons(found))


def test_prompting_that_is_good_enough_needs_nothing_else() -> None:
    found = find(build_step("prompt", 49), above=True)
    assert phrase_answer(found) == "Just prompt"
    assert phrase_headline(found) == "clerk is the lowest rung that meets the target of 80%."
    assert "Prompting is good enough already" in explain(found)
    assert "The rungs above were not measured; at most 2 points are left to gain there." in explain(found)


def test_a_lower_rung_that_is_enough_says_that_fine_tuning_is_not_needed() -> None:
    found = find(build_step("prompt", 10), build_step("few_shot", 48))
    assert phrase_answer(found) == "Use few-shot"
    assert "Fine-tuning is not needed: this rung takes training rows in every prompt." in explain(found)


def test_fine_tuning_is_justified_by_the_best_without_it_and_by_what_it_puts_right() -> None:
    found = find(build_step("prompt", 10), build_step("few_shot", 20), build_step("tuned", 48), diagnosis=FORM)
    assert phrase_answer(found) == "Fine-tune"
    assert "Without fine-tuning the best is clerk with examples with 40% (95% interval 27.6% to 53.8%)." in explain(
        found
    )
    assert "9 are not JSON at all: a matter of form" in explain(found)


def test_what_is_only_probable_says_so_and_names_the_cases_it_takes() -> None:
    found = find(build_step("prompt", 43))
    assert phrase_answer(found) == "Probably: just prompt"
    assert (
        phrase_headline(found) == "clerk reaches the target of 80% as measured; 50 test cases are too few to be sure."
    )
    assert "Prompting is good enough already" in explain(found)
    few_shot = explain(find(build_step("prompt", 10), build_step("few_shot", 43)))
    assert "If that holds, fine-tuning is not needed" in few_shot
    assert "about 160 test cases would prove it" in explain(found)


def test_a_lower_rung_that_may_be_enough_is_named_with_the_cases_that_would_tell() -> None:
    found = find(build_step("prompt", 10), build_step("few_shot", 44), build_step("tuned", 50))
    assert phrase_answer(found) == "Fine-tune"
    assert "clerk with examples, which takes less, may meet it too: it passed 44 of 50 test cases" in explain(found)
    assert "which takes less" not in explain(find(build_step("few_shot", 30), build_step("tuned", 50)))


def test_a_target_that_is_missed_names_the_closest_how_far_it_is_and_what_may_help() -> None:
    found = find(build_step("prompt", 10), build_step("few_shot", 20))
    assert phrase_answer(found) == "Not there yet"
    assert phrase_headline(found) == "No rung reaches the target of 80%; clerk with examples comes closest."
    assert "Even the most hopeful reading of its result is 26.2 points short." in explain(found)
    assert "no other form of asking puts that right" in explain(found)
    assert "What may help: more training rows than these 200" in explain(found)


def test_a_target_inside_the_interval_is_not_called_out_of_reach() -> None:
    found = find(build_step("prompt", 38))
    assert "The target lies inside that interval" in explain(found)


def test_few_rows_changing_knowledge_and_citations_are_reasons() -> None:
    needs = Needs(TARGET, changes=True, cites=True)
    found = find(build_step("prompt", 50), build_step("retrieval", 50), needs=needs, good_rows=49)
    told = explain(found)
    assert "There are 49 good training rows, and fine-tuning is advised from 50 on." in told
    assert "documents can be replaced any day" in told
    assert "only retrieval knows which passages" in told
    assert "clerk is left out of the choice: answers must name their sources" in told
    assert "good training row" not in explain(find(build_step("prompt", 50), good_rows=50))


def test_a_tuned_model_that_passages_confuse_is_explained() -> None:
    found = find(build_step("tuned", 40), build_step("tuned_retrieval", 10))
    assert "shop-v1 was trained without passages" in explain(found)
    assert "without passages" not in explain(find(build_step("tuned", 40), build_step("tuned_retrieval", 45)))


def test_what_the_next_rung_brings_is_measured_against_the_advised_one() -> None:
    found = find(build_step("prompt", 48), build_step("few_shot", 50))
    assert "The best rung above, clerk with examples, changes that by +4 points" in explain(found)


def test_where_nothing_was_measured_there_is_no_advice() -> None:
    found = find()
    assert phrase_answer(found) == "No advice"
    assert phrase_headline(found) == "No rung could be measured that may be recommended."
    assert list_reasons(found) == ()


def test_answers_that_were_cut_off_are_counted_by_rung_and_few_are_not_worth_a_word() -> None:
    steps = (build_step("prompt", 10), build_step("few_shot", 20))
    cut = Diagnosis("JSON", 0, 0, cut_off=22, unanswered=0)
    told = explain(find(*steps, diagnosis=cut))
    assert "22 of 50 answers of clerk, 22 of 50 answers of clerk with examples. Raise --max-tokens" in told
    few = Diagnosis("JSON", 0, 0, cut_off=5, unanswered=0)
    assert "cut off" not in explain(find(*steps, diagnosis=few))


def test_a_rung_above_that_does_no_better_is_no_temptation() -> None:
    told = explain(find(build_step("prompt", 49), build_step("tuned", 40)))
    assert "No rung above does better: the best there, shop-v1, passes 40 of 50 test cases." in told


def test_a_void_rung_is_nobodys_measure() -> None:
    told = explain(find(build_step("prompt", 45), build_step("few_shot", 20), build_step("tuned", 50, trained_on=(3,))))
    assert "The best rung above" not in told
    assert "the best there, clerk with examples, passes 20" in told
    assert "shop-v1 is left out of the choice" in told


def test_what_was_cut_off_is_told_of_every_rung_that_it_may_decide() -> None:
    def cut(count: int) -> Diagnosis:
        return Diagnosis("JSON", 0, 0, count, 0)

    assert "Cut off at the token limit: 6 of 50 answers of clerk." in explain(
        find(build_step("prompt", 10), diagnosis=cut(6))
    )
    assert "Cut off" not in explain(find(build_step("prompt", 10), diagnosis=cut(5)))
    assert "Cut off at the token limit: 2 of 50 answers of clerk." in explain(
        find(build_step("prompt", 38), diagnosis=cut(2))
    )
    void = find(build_step("tuned", 38, trained_on=(3,)), diagnosis=cut(20))
    assert "Cut off" not in explain(void)


def test_what_is_wrong_with_several_rungs_is_said_once() -> None:
    told = explain(find(build_step("prompt", 10), build_step("few_shot", 10), needs=Needs(TARGET, cites=True)))
    assert "clerk and clerk with examples are left out of the choice: answers must name their sources" in told
