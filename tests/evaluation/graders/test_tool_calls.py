from __future__ import annotations

import pytest

from luthier.conversation import ToolCall
from luthier.evaluation.graders.tool_calls import find_call_problem, grade_calls, write_calls


def call(name: str, arguments: str = "{}", id_: str = "call_1") -> ToolCall:
    return ToolCall(id_, name, arguments)


LAMP = call("find", '{"what": "lamp", "limits": [1, 2.50]}')
DESK = call("find", '{"what": "desk"}')
PAY = call("pay", '{"total": 31}')


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        ([LAMP], [LAMP]),
        ([call("find", '{"limits":[1,2.5],"what":"lamp"}', "other id")], [LAMP]),
        ([PAY, LAMP, DESK], [DESK, LAMP, PAY]),
        ([call("now", "")], [call("now", "{}")]),
    ],
    ids=["itself", "another spelling and id", "another order", "no arguments"],
)
def test_the_same_calls_pass(got: list[ToolCall], wanted: list[ToolCall]) -> None:
    assert grade_calls(got, wanted).passed


@pytest.mark.parametrize(
    ("got", "wanted", "explanation"),
    [
        ([], [LAMP, PAY], "no tool is called, expected find and pay"),
        ([PAY], [LAMP], "expected find, got pay"),
        ([DESK], [LAMP], 'find.what: expected "lamp", got "desk"'),
        ([call("pay", '{"total": "31"}')], [PAY], 'pay.total: expected 31, got "31"'),
        ([call("pay", '{"total": 31')], [PAY], "the arguments of pay are not JSON: "),
        ([LAMP], [LAMP, PAY], "pay is not called"),
        ([LAMP, PAY], [LAMP], "pay is called too, which the reference does not"),
        ([LAMP], [LAMP, LAMP], "find is not called"),
        ([LAMP, DESK], [LAMP, PAY], "expected pay, got find"),
    ],
)
def test_the_first_difference_is_named(got: list[ToolCall], wanted: list[ToolCall], explanation: str) -> None:
    grade = grade_calls(got, wanted)
    assert not grade.passed
    assert grade.explanation.startswith(explanation)


def test_arguments_that_are_no_json_cannot_be_a_reference() -> None:
    assert find_call_problem([LAMP, PAY, call("now", "")]) is None
    assert find_call_problem([LAMP, call("pay", "{total: 31}")]) is not None


def test_calls_are_written_as_json_whatever_their_arguments_are() -> None:
    assert write_calls([PAY]) == '[{"name": "pay", "arguments": {"total": 31}}]'
    assert write_calls([call("pay", "{")]) == '[{"name": "pay", "arguments": "{"}]'


def test_calls_of_one_function_are_paired_by_what_they_share() -> None:
    wanted = [call("find", '{"what": "lamp", "max": 1}'), call("find", '{"what": "desk", "max": 2}')]
    got = [call("find", '{"what": "desk", "max": 3}'), call("find", '{"what": "lamp", "max": 1}')]
    grade = grade_calls(got, wanted)
    assert grade.explanation == "find.max: expected 2, got 3"
    assert sorted(field.kind for field in grade.fields) == ["right"] * 5 + ["wrong"]


def test_arguments_that_are_no_json_omit_them_all() -> None:
    grade = grade_calls([call("pay", "{")], [PAY])
    assert [(field.path, field.kind) for field in grade.fields] == [("pay", "right"), ("pay.total", "omitted")]


def test_a_flood_of_calls_is_graded_in_time() -> None:
    flood = [call("find", f'{{"what": {number}}}') for number in range(5_000)]
    grade = grade_calls(flood, [LAMP])
    assert not grade.passed
    assert sum(field.kind == "invented" for field in grade.fields) > 4_900
