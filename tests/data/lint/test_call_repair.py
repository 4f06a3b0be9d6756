"""Calls in other forms become calls of today where they can mean one thing only."""

from __future__ import annotations

import json
from typing import Any

import pytest

from luthier.data.formats.openai_chat import is_tool, is_tool_call
from luthier.data.lint.call_repair import (
    name_answered_calls,
    repair_calls,
    repair_tools,
    replace_functions,
    write_arguments,
)

CALL = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}


def calling(*calls: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ("", "{}"),
        (None, "{}"),
        ({"zone": "UTC"}, '{"zone": "UTC"}'),
        ("{'zone': 'UTC', 'short': True}", '{"zone": "UTC", "short": true}'),
        (json.dumps('{"zone": "UTC"}'), '{"zone": "UTC"}'),
        ('{"zone":"UTC"}', '{"zone":"UTC"}'),
        ('{"zone":', '{"zone":'),
        ("[1]", "[1]"),
        ("{1: 2}", "{1: 2}"),
        ("{'a': float('nan')}", "{'a': float('nan')}"),
        ("__import__('os')", "__import__('os')"),
    ],
)
def test_arguments_are_written_as_json_where_they_mean_an_object(arguments: Any, written: str) -> None:
    assert write_arguments(arguments) == written


@pytest.mark.parametrize(
    "calls",
    [
        [{"id": "c1", "function": {"name": "now", "arguments": {}}}],
        [{"id": "c1", "name": "now", "arguments": {}}],
        CALL,
        json.dumps([CALL]),
        [{"type": "function", "function": {"name": "now", "arguments": "{}"}}],
    ],
)
def test_one_call_in_any_form_becomes_one_call(calls: Any) -> None:
    (message,) = repair_calls([{"role": "assistant", "content": None, "tool_calls": calls}])
    assert len(message["tool_calls"]) == 1
    assert is_tool_call(message["tool_calls"][0])


def test_a_call_without_id_takes_that_of_the_result_that_follows() -> None:
    messages = [calling({"name": "now"}, {"name": "later"}), *({"role": "tool", "tool_call_id": id_} for id_ in "ab")]
    assert [call["id"] for call in repair_calls(messages)[0]["tool_calls"]] == ["a", "b"]


def test_ids_that_are_made_up_are_new() -> None:
    messages = [calling({**CALL, "id": "call_1"}), {"role": "tool", "tool_call_id": "call_1"}, calling({"name": "now"})]
    assert repair_calls(messages)[2]["tool_calls"][0]["id"] == "call_2"


def test_results_that_could_belong_to_either_call_leave_both_without_id() -> None:
    messages = [calling({"name": "now"}, {"name": "later"}), {"role": "tool", "tool_call_id": "a"}]
    assert not any("id" in call for call in repair_calls(messages)[0]["tool_calls"])


def test_one_result_after_one_call_is_its_answer_and_two_are_nobodys() -> None:
    result = {"role": "tool", "content": "12:00"}
    assert name_answered_calls([calling(CALL), result])[1]["tool_call_id"] == "c1"
    assert "tool_call_id" not in name_answered_calls([calling(CALL), result, result])[1]


def test_a_conversation_with_functions_becomes_one_with_tools() -> None:
    messages = [
        {"role": "user", "content": "Time?"},
        {"role": "assistant", "content": None, "function_call": {"name": "now", "arguments": '{"zone": "UTC"}'}},
        {"role": "function", "name": "now", "content": "12:00"},
        {"role": "assistant", "content": "Noon."},
    ]
    _, call, result, _ = replace_functions(messages)
    assert is_tool_call(call["tool_calls"][0])
    assert call["tool_calls"][0]["function"] == {"name": "now", "arguments": '{"zone": "UTC"}'}
    assert result == {"role": "tool", "content": "12:00", "tool_call_id": call["tool_calls"][0]["id"]}


@pytest.mark.parametrize(
    "tools",
    [{"name": "now"}, [{"name": "now"}], [{"function": {"name": "now"}}], [{"type": "function", "name": "now"}]],
)
def test_bare_functions_are_wrapped_as_tools(tools: Any) -> None:
    repaired = repair_tools(tools)
    assert len(repaired) == 1
    assert is_tool(repaired[0])
