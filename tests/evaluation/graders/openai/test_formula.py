"""Formulas compute as on paper, and compute nothing else."""

from __future__ import annotations

import math

import pytest

from luthier.evaluation.graders.openai.formula import calculate, check_formula

REWARDS = {"a": 0.5, "b": 2.0, "c": -1.0}


@pytest.mark.parametrize(
    ("formula", "result"),
    [
        ("a", 0.5),
        ("a + b * 2", 4.5),
        ("(a + b) * 2", 5.0),
        ("a - b - c", -0.5),
        ("2 * b ^ 3", 16.0),
        ("-b ^ 2", -4.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("a / b", 0.25),
        ("min(a, b, c) + max(a, b)", 1.0),
        ("min(a)", 0.5),
        ("abs(c) + floor(a) + ceil(a)", 2.0),
        ("sqrt(b * 8) + log(exp(1))", 5.0),
        ("  a\n", 0.5),
    ],
)
def test_formulas_compute_as_on_paper(formula: str, result: float) -> None:
    check_formula(formula, REWARDS)
    assert calculate(formula, REWARDS) == pytest.approx(result)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("a +", "no formula"),
        ("", "no formula"),
        ("a; b", "no formula"),
        ("a + d", "'d' is none of the graders: a, b, c"),
        ("__import__('os')", "knows"),
        ("a.real", "knows"),
        ("a if b else c", "knows"),
        ("[a]", "knows"),
        ("a > b", "knows"),
        ("a // b", "knows"),
        ("'a'", "knows"),
        ("True", "knows"),
        ("1j", "knows"),
        ("pow(a, b)", "knows"),
        ("min()", "one number or more"),
        ("sqrt(a, b)", "one number"),
        ("min(a, key=b)", "knows"),
        ("min(*a)", "knows"),
        ("a" + "+a" * 500, "at most 1000 characters"),
        ("-" * 60 + "a", "levels deep"),
        ("(" * 400 + "a" + ")" * 400, "no formula"),
    ],
)
def test_what_is_no_formula_is_refused(formula: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("+", r"\+")):
        check_formula(formula, REWARDS)


@pytest.mark.parametrize(
    "formula", ["a / (b - b)", "sqrt(c)", "log(a - a)", "c ^ a", "exp(b * 1000)", "1e308 * 10", "9^9^9^9"]
)
def test_a_result_that_is_no_finite_number_is_an_error(formula: str) -> None:
    check_formula(formula, REWARDS)
    with pytest.raises(ValueError, match=r":"):
        calculate(formula, REWARDS)


def test_a_reward_may_be_of_any_size() -> None:
    assert math.isclose(calculate("a * 2", {"a": -1e300}), -2e300)
