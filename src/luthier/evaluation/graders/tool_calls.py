"""The tool calls of an answer and those of its reference go in, passed or not with a reason comes out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from luthier.evaluation.graders.json_equality import find_difference
from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.graders.strict_json import NotStrictJson, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.conversation import ToolCall


def grade_calls(got: Sequence[ToolCall], wanted: Sequence[ToolCall]) -> Grade:
    """The same functions with JSON-equal arguments. Neither ids nor the order of calls counts, for those of one answer
    are meant to be made beside each other."""
    if not got:
        return Grade(False, f"no tool is called, expected {_name_all(wanted)}")
    left = list(got)
    for call in wanted:
        same = next((other for other in left if find_call_difference(other, call) is None), None)
        if same is None:
            return Grade(False, _explain_missing(call, left))
        left.remove(same)
    if left:
        return Grade(False, f"{_name_all(left)} is called too, which the reference does not")
    return Grade(True, "the same call" if len(wanted) == 1 else "the same calls")


def find_call_problem(calls: Sequence[ToolCall]) -> str | None:
    """Why no answer could ever equal these calls; None when they can be a reference."""
    for call in calls:
        try:
            parse_arguments(call)
        except NotStrictJson as error:
            return f"the arguments of {call.name} are not JSON: {error}"
    return None


def find_call_difference(got: ToolCall, wanted: ToolCall) -> str | None:
    """`wanted` is one in which `find_call_problem` finds none."""
    if got.name != wanted.name:
        return f"expected {wanted.name}, got {got.name}"
    try:
        arguments = parse_arguments(got)
    except NotStrictJson as error:
        return f"the arguments of {got.name} are not JSON: {error}"
    difference = find_difference(arguments, parse_arguments(wanted))
    return f"{wanted.name}, {difference}" if difference else None


def parse_arguments(call: ToolCall) -> Any:
    """Models write nothing at all for a function that takes nothing. Raises NotStrictJson."""
    return parse_json(call.arguments if call.arguments.strip() else "{}")


def write_calls(calls: Sequence[ToolCall]) -> str:
    """JSON text of a list for people to read; arguments that are no JSON stand as the text that they are."""
    rows = []
    for call in calls:
        try:
            arguments = parse_arguments(call)
        except NotStrictJson:
            arguments = call.arguments
        rows.append({"name": call.name, "arguments": arguments})
    return json.dumps(rows, ensure_ascii=False)


def _explain_missing(call: ToolCall, left: Sequence[ToolCall]) -> str:
    """By the call that comes nearest: of the same function, or else the only one."""
    near = next((other for other in left if other.name == call.name), left[0] if len(left) == 1 else None)
    reason = near and find_call_difference(near, call)
    return reason or f"{call.name} is not called"


def _name_all(calls: Sequence[ToolCall]) -> str:
    return " and ".join(call.name for call in calls)
