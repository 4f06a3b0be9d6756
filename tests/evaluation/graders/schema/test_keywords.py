from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from luthier.evaluation.graders.schema.keywords import MOST_STEPS, Budget, TooCostly, find_cost, limit_validator


def test_every_step_is_paid_for_and_the_last_one_is_refused() -> None:
    budget = Budget()
    validator = limit_validator(Draft202012Validator, budget)({"items": {"type": "integer"}})
    assert validator.is_valid([1, 2, 3])
    assert budget.left == MOST_STEPS - 4
    budget.left = 3
    with pytest.raises(TooCostly):
        validator.is_valid([1, 2, 3])


def test_comparing_each_with_each_costs_more_than_looking_once() -> None:
    many = list(range(1_000))
    assert find_cost("uniqueItems", True, many) > 50_000
    assert find_cost("enum", many, 3) == 1_001
    assert find_cost("type", "array", many) < 100
