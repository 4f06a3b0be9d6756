"""A formula over the rewards of several graders goes in, one number comes out; arithmetic and nothing else."""

from __future__ import annotations

import ast
import math
import operator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

LONGEST_FORMULA: Final = 1_000  # characters; it also bounds how deep Python's parser goes
DEEPEST_FORMULA: Final = 50

OPERATORS: Final[dict[type[ast.AST], Callable[..., float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
FUNCTIONS: Final[dict[str, Callable[..., float]]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "log": math.log,
}
TAKE_SEVERAL: Final = frozenset({"min", "max"})


def check_formula(formula: str, names: Collection[str]) -> None:
    """Raises ValueError for what is no formula, or speaks of a grader that is not there."""
    _check_node(_parse(formula), names, DEEPEST_FORMULA)


def calculate(formula: str, rewards: Mapping[str, float]) -> float:
    """Of a formula that was checked. Raises ValueError where the result is no finite number."""
    try:
        result = float(_evaluate(_parse(formula), rewards))
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"{formula}: {error}") from error
    if not math.isfinite(result):
        raise ValueError(f"{formula}: the result is {result}")
    return result


def _parse(formula: str) -> ast.expr:
    """`^` is the power, which binds tighter than everything else."""
    if len(formula) > LONGEST_FORMULA:
        raise ValueError(f"a formula has at most {LONGEST_FORMULA} characters")
    try:
        return ast.parse(formula.strip().replace("^", "**"), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{formula!r} is no formula") from error


def _check_node(node: ast.expr, names: Collection[str], depth: int) -> None:
    if depth == 0:
        raise ValueError(f"a formula is nested at most {DEEPEST_FORMULA} levels deep")
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            return
        case ast.Name(id=name) if name in names:
            return
        case ast.Name(id=name):
            raise ValueError(f"{name!r} is none of the graders: {', '.join(names)}")
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            parts = [left, right]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
            parts = [operand]
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in FUNCTIONS:
            if not parts or (len(parts) > 1 and name not in TAKE_SEVERAL):
                raise ValueError(f"{name} takes {'one number or more' if name in TAKE_SEVERAL else 'one number'}")
        case _:
            raise ValueError(f"{ast.unparse(node)!r}: a formula knows + - * / ^ and {', '.join(FUNCTIONS)}")
    for part in parts:
        _check_node(part, names, depth - 1)


def _evaluate(node: ast.expr, rewards: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return rewards[name]
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](_evaluate(left, rewards), _evaluate(right, rewards))
        case ast.UnaryOp(op=op, operand=operand):
            return OPERATORS[type(op)](_evaluate(operand, rewards))
        case ast.Call(func=ast.Name(id=name), args=parts):
            values = [_evaluate(part, rewards) for part in parts]
            return FUNCTIONS[name](*values) if len(values) > 1 or name not in TAKE_SEVERAL else values[0]
    raise ValueError(f"{ast.unparse(node)!r} was not checked")
