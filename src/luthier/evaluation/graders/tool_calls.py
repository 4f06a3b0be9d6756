"""The tool calls of an answer and those of its reference go in, passed or not with a grade per argument comes out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.evaluation.graders.fields.alignment import pair_sets
from luthier.evaluation.graders.fields.grading import build_grade
from luthier.evaluation.graders.fields.marking import Mark, Marker, Spot, drop_nulls
from luthier.evaluation.graders.fields.rules import PLAIN_RULES
from luthier.evaluation.graders.strict_json import NotStrictJson, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.conversation import ToolCall
    from luthier.evaluation.graders.fields.rules import FieldRules
    from luthier.evaluation.graders.protocol import Grade

MOST_CALLS = 100
"""Of an answer; what a model that does not stop calls beyond that belongs to no call of the reference."""


class CallMarks(NamedTuple):
    """The call itself is a mark, as are its arguments; `fault` says in words what is wrong first, if anything is."""

    marks: list[Mark]
    fault: str = ""


def grade_calls(got: Sequence[ToolCall], wanted: Sequence[ToolCall], rules: FieldRules = PLAIN_RULES) -> Grade:
    """The same functions with JSON-equal arguments. Neither ids nor the order of calls counts, for those of one answer
    are meant to be made beside each other.

    A function is a field, and so is each of its arguments, by a path such as `find_flight.date`; the score is F1.
    `wanted` are calls in which `find_call_problem` finds none.
    """
    partners = _pair_calls(got[:MOST_CALLS], wanted, rules)
    alone = [call for place, call in enumerate(got) if place not in partners.values()]
    marked = [
        _mark_call(got[partners[place]], call, rules) if place in partners else _miss_call(call, rules, alone)
        for place, call in enumerate(wanted)
    ]
    marked += [_invent_call(call, rules) for call in alone]
    grade = build_grade([mark for each in marked for mark in each.marks])
    if grade.passed:
        return grade._replace(explanation="the same call" if len(wanted) == 1 else "the same calls")
    if not got:
        return grade._replace(explanation=f"no tool is called, expected {_name_all(wanted)}")
    fault = next(each.fault for each in marked if each.fault)
    if not any(each.fault for each in marked[: len(wanted)]):
        fault = f"{_name_all(alone)} is called too, which the reference does not"
    return grade._replace(explanation=fault)


def find_call_problem(calls: Sequence[ToolCall]) -> str | None:
    """Why no answer could ever equal these calls; None when they can be a reference."""
    for call in calls:
        try:
            parse_arguments(call)
        except NotStrictJson as error:
            return f"the arguments of {call.name} are not JSON: {error}"
    return None


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


def _pair_calls(got: Sequence[ToolCall], wanted: Sequence[ToolCall], rules: FieldRules) -> dict[int, int]:
    """The place in `got` by that in `wanted`: calls of one function, those that share the most arguments together."""
    partners = {}
    for name in dict.fromkeys(call.name for call in wanted):
        mine = [place for place, call in enumerate(got) if call.name == name]
        theirs = [place for place, call in enumerate(wanted) if call.name == name]

        def weigh(my_place: int, their_place: int) -> int:
            marks = _mark_call(got[my_place], wanted[their_place], rules).marks
            return sum(mark.kind == "right" for mark in marks)

        for pair in pair_sets(mine, theirs, weigh):
            partners[pair.theirs] = pair.mine
    return partners


def _mark_call(got: ToolCall, wanted: ToolCall, rules: FieldRules) -> CallMarks:
    """Of one function."""
    spot, marker = Spot(wanted.name, wanted.name), Marker(rules)
    head = Mark(*spot, "right", json.dumps(wanted.name), json.dumps(got.name))
    expected = _read_wanted(wanted, rules)
    try:
        arguments = parse_arguments(got)
    except NotStrictJson as error:
        fault = f"the arguments of {got.name} are not JSON: {error}"
        return CallMarks([head, *_omit_arguments(marker, expected, spot)], fault)
    arguments = drop_nulls(arguments) if rules.null_is_absent else arguments
    if expected == {} and arguments == {}:
        return CallMarks([head])
    marks = list(marker.mark(arguments, expected, spot))
    fault = next((str(mark) for mark in marks if mark.kind != "right"), "")
    return CallMarks([head, *marks], fault)


def _miss_call(call: ToolCall, rules: FieldRules, alone: Sequence[ToolCall]) -> CallMarks:
    spot = Spot(call.name, call.name)
    fault = f"expected {call.name}, got {alone[0].name}" if len(alone) == 1 else f"{call.name} is not called"
    head = Mark(*spot, "omitted", json.dumps(call.name), "")
    return CallMarks([head, *_omit_arguments(Marker(rules), _read_wanted(call, rules), spot)], fault)


def _invent_call(call: ToolCall, rules: FieldRules) -> CallMarks:
    spot = Spot(call.name, call.name)
    head = Mark(*spot, "invented", "", json.dumps(call.name))
    try:
        arguments = parse_arguments(call)
    except NotStrictJson:
        arguments = {}
    marks = list(Marker(rules).invent(arguments, spot)) if arguments != {} else []
    return CallMarks([head, *marks], f"{call.name} is called too")


def _omit_arguments(marker: Marker, expected: Any, spot: Spot) -> list[Mark]:
    return list(marker.omit(expected, spot)) if expected != {} else []


def _read_wanted(call: ToolCall, rules: FieldRules) -> Any:
    arguments = parse_arguments(call)
    return drop_nulls(arguments) if rules.null_is_absent else arguments


def _name_all(calls: Sequence[ToolCall]) -> str:
    return " and ".join(call.name for call in calls)
