"""Pairs of rows become a loss with its bounds, and many benchmarks do not become many chances of a false alarm."""

from __future__ import annotations

import numpy as np
import pytest

from luthier.errors import InvalidConfig
from luthier.evaluation.forgetting.benchmarks.judging import (
    Outcome,
    bound_loss,
    find_lost,
    judge_benchmarks,
    pair_items,
)
from luthier.evaluation.forgetting.benchmarks.question import Item
from luthier.stats.non_inferiority import CONFIDENCE, check_rates

MARGIN = 0.05


def pair(before: list[float], after: list[float], name: str = "facts") -> Outcome:
    sides = [[Item(f"row {n}", f"said {score}", score) for n, score in enumerate(side)] for side in (before, after)]
    return pair_items(name, "acc", "200 of 900 rows", *sides)


def lose(broken: int, fixed: int = 0, total: int = 200) -> Outcome:
    before = [1.0] * broken + [0.0] * fixed + [1.0] * (total - broken - fixed)
    after = [0.0] * broken + [1.0] * fixed + [1.0] * (total - broken - fixed)
    return pair(before, after, f"{broken} of {total}")


def test_a_loss_is_held_against_the_margin_as_a_guardrail_is() -> None:
    kept, open_, lost = judge_benchmarks([lose(2, 2), lose(12, 4), lose(40, 2)], margin=MARGIN)
    assert [family.state for family in (kept, open_, lost)] == ["ok", "cannot_tell", "degraded"]
    theirs = check_rates(4, 12, 200, margin=MARGIN)
    assert (open_.measured, open_.interval.low) == pytest.approx((0.04, -theirs.interval.high))
    assert open_.interval.high == pytest.approx(-theirs.interval.low)
    assert (lost.baseline, lost.candidate, lost.total) == (0.99, 0.8, 200)
    assert (lost.key, lost.title) == ("benchmark:40 of 200", "Benchmark 40 of 200")


def test_equal_models_have_lost_nothing_and_show_no_examples() -> None:
    (family,) = judge_benchmarks([lose(0)], margin=MARGIN)
    assert (family.measured, family.state, family.examples) == (0.0, "ok", ())
    assert family.interval.low < 0 < family.interval.high < MARGIN


def test_the_examples_are_rows_that_the_tuned_model_alone_gets_wrong() -> None:
    (family,) = judge_benchmarks([lose(40, 2)], margin=MARGIN)
    assert len(family.examples) == 5
    assert {(each.baseline, each.candidate, each.note) for each in family.examples} == {
        ("said 1.0", "said 0.0", "acc 0, 1 before")
    }


def test_scores_between_nothing_and_all_are_judged_by_their_mean() -> None:
    generator = np.random.default_rng(0)
    before = generator.uniform(0.4, 0.9, 200)
    small, large = (before - loss + generator.normal(0, 0.05, 200) for loss in (0.0, 0.2))
    kept, lost = judge_benchmarks(
        [pair(list(before), list(np.clip(after, 0, 1))) for after in (small, large)], margin=MARGIN
    )
    assert (kept.state, lost.state) == ("ok", "degraded")
    assert lost.measured == pytest.approx(0.2, abs=0.02)


def test_every_number_of_lm_eval_is_told_and_what_was_left_out() -> None:
    before = [Item("row", "a", 1.0, {"acc_norm": 1.0}), Item("row", "a", 1.0, {"acc_norm": 0.0}), None]
    after = [Item("row", "b", 0.0, {"acc_norm": 0.0}), Item("row", "a", 1.0, {"acc_norm": 0.0}), Item("row", "a", 1.0)]
    outcome = pair_items("facts", "acc", "3 of 9 rows, by lm-eval", before, after)
    (family,) = judge_benchmarks([outcome], margin=MARGIN)
    assert family.explanation == (
        "acc is 0.5, 1 before, acc_norm is 0, 0.5 before; 3 of 9 rows, by lm-eval; "
        "1 too long for the model are left out"
    )
    assert family.total == 2


def test_a_benchmark_of_which_no_row_can_be_read_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="facts: no row of it fits"):
        pair_items("facts", "acc", "", [None], [Item("row", "a", 1.0)])


def test_of_many_benchmarks_one_that_seems_lost_alone_is_left_open() -> None:
    barely = lose(20, 1)
    assert bound_loss(barely.losses, confidence=CONFIDENCE).low > MARGIN
    assert judge_benchmarks([barely], margin=MARGIN)[0].state == "degraded"
    among = judge_benchmarks([barely, *(lose(1, 1) for _ in range(9))], margin=MARGIN)
    assert [family.state for family in among] == ["cannot_tell", *["ok"] * 9]


def test_what_is_surely_lost_makes_room_for_the_next() -> None:
    """Holm's step, without which the second of two would be held to the stricter bound too."""
    barely = lose(18, 1)
    assert bound_loss(barely.losses, confidence=1 - (1 - CONFIDENCE) / 2).low < MARGIN
    assert find_lost([lose(80).losses, barely.losses], margin=MARGIN) == {0, 1}
    assert find_lost([lose(0).losses, barely.losses], margin=MARGIN) == set()


def test_ten_benchmarks_at_the_margin_raise_a_false_alarm_in_five_percent_of_evaluations() -> None:
    generator = np.random.default_rng(7)
    runs = 60
    alarms = 0  # a third of the runs, were each benchmark held to its own bound alone
    for _ in range(runs):
        changes = generator.multinomial(200, (0.10, 0.05, 0.85), size=10)  # broken, fixed: a loss of just the margin
        losses = [np.repeat([1.0, -1.0, 0.0], change) for change in changes]
        alarms += bool(find_lost(losses, margin=MARGIN))
    assert alarms / runs < 0.05 + 2.5 * (0.05 * 0.95 / runs) ** 0.5
