from __future__ import annotations

from dataclasses import replace

from luthier.stats.intervals import wilson_interval
from tests.evaluation.results import build_result


def test_a_truncated_answer_counts_against_the_pass_rate_and_stands_apart() -> None:
    result = build_result("orders-v1", "pppft")
    assert (result.passed, result.failed, result.truncated, result.total) == (3, 1, 1, 5)
    assert result.pass_rate == 0.6
    assert result.truncated_fraction == 0.2
    assert result.interval == wilson_interval(3, 5)


def test_lines_seen_in_training_are_listed() -> None:
    assert build_result("orders-v1", "ppp", trained_on=(1, 3)).trained_on_lines == (1, 3)


def test_a_missing_answer_counts_against_the_pass_rate_and_stands_apart() -> None:
    result = build_result("orders-v1", "pppuu")
    assert (result.passed, result.failed, result.unanswered, result.pass_rate) == (3, 0, 2, 0.6)
    assert result.unanswered_fraction == 0.4


def test_costs_add_up_unless_one_of_them_is_unknown() -> None:
    result = build_result("orders-v1", "pp")
    first, second = (
        replace(outcome, cost_dollars=cost) for outcome, cost in zip(result.outcomes, (0.25, 0.5), strict=True)
    )
    assert result.cost_dollars == 0
    assert replace(result, outcomes=(first, second)).cost_dollars == 0.75
    assert replace(result, outcomes=(first, replace(second, cost_dollars=None))).cost_dollars is None
