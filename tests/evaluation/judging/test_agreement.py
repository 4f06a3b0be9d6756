"""A judge may decide only where it surely agrees with people, beyond luck and on both kinds of answers."""

from __future__ import annotations

import random

import pytest
from pydantic import TypeAdapter

from luthier.evaluation.judging.agreement import JudgeAgreement, Opinion, measure_judge


def opine(*, both_pass: int, both_fail: int, only_people: int = 0, only_judge: int = 0) -> list[Opinion]:
    return [
        *[Opinion(True, True)] * both_pass,
        *[Opinion(False, False)] * both_fail,
        *[Opinion(True, False)] * only_people,
        *[Opinion(False, True)] * only_judge,
    ]


def test_a_judge_that_agrees_on_twenty_answers_of_both_kinds_may_decide() -> None:
    found = measure_judge("judge.json", opine(both_pass=10, both_fail=9, only_people=1))
    assert found.may_gate
    assert found.kappa == pytest.approx(0.9)
    assert (found.sensitivity.count, found.sensitivity.total) == (10, 11)
    assert (found.specificity.count, found.specificity.total) == (9, 9)
    assert found.reason == (
        "The judge judge.json agrees with people on 19 of 20 cases (95%); it passes 10 of 11 that people passed and "
        "fails 9 of 9 that people failed; kappa 0.90."
    )


def test_a_judge_that_agrees_by_chance_where_one_class_is_95_percent_may_not() -> None:
    """People pass 95 of 100 and the judge passes as many, others: they agree on 90, and luck alone does that."""
    found = measure_judge("judge.json", opine(both_pass=90, both_fail=0, only_people=5, only_judge=5))
    assert found.interval is not None
    assert found.interval.low > 0.8
    assert not found.may_gate
    assert "not enough beyond luck" in found.reason


def test_nor_may_one_that_passes_everything() -> None:
    found = measure_judge("judge.json", opine(both_pass=95, both_fail=0, only_judge=5))
    assert not found.may_gate
    assert (found.specificity.count, found.specificity.total) == (0, 5)


def test_judges_that_guess_hardly_ever_may() -> None:
    dice = random.Random(0)
    allowed = 0
    for _ in range(500):
        guesses = [Opinion(dice.random() < 0.6, dice.random() < 0.6) for _ in range(40)]
        allowed += measure_judge("judge.json", guesses).may_gate
    assert allowed == 0


@pytest.mark.parametrize("count", [0, 1, 19])
def test_fewer_than_twenty_labels_are_too_few_however_good(count: int) -> None:
    found = measure_judge("judge.json", opine(both_pass=count - count // 2, both_fail=count // 2))
    assert not found.may_gate
    assert "at least 20 answers labelled by people are needed" in found.reason


def test_one_kind_of_answer_shows_nothing_of_the_other() -> None:
    found = measure_judge("judge.json", opine(both_pass=36, both_fail=4))
    assert found.agreed == 40
    assert not found.may_gate
    assert "people passed 36 and failed 4: at least 5 of each" in found.reason


def test_all_opinions_alike_have_no_kappa() -> None:
    found = measure_judge("judge.json", opine(both_pass=30, both_fail=0))
    assert found.kappa is None
    assert not found.may_gate


@pytest.mark.parametrize(("wrong", "total", "may_gate"), [(1, 20, True), (2, 20, False), (5, 40, True), (7, 40, False)])
def test_how_many_it_may_get_wrong(wrong: int, total: int, *, may_gate: bool) -> None:
    half, right = wrong // 2, total - wrong
    opinions = opine(both_pass=right // 2, both_fail=right - right // 2, only_people=half, only_judge=wrong - half)
    assert measure_judge("judge.json", opinions).may_gate is may_gate


def test_labels_that_could_not_be_used_are_counted() -> None:
    found = measure_judge("judge.json", [], unusable=3)
    assert found.reason.endswith("are needed; 3 labels could not be used.")


def test_what_was_measured_survives_a_report() -> None:
    adapter = TypeAdapter(JudgeAgreement)
    for opinions in ([], opine(both_pass=10, both_fail=10)):
        found = measure_judge("judge.json", opinions)
        assert adapter.validate_json(adapter.dump_json(found)) == found
