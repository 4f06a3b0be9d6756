"""ShareGPT's turns become messages: who speaks, which tools are called, what stands beside."""

from __future__ import annotations

import json
from typing import Any

import pytest

from luthier.data.formats.format import UnreadableRow
from tests.data.formats.conversions import SYSTEM, say, to_openai

FUNCTION = {"name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}


def turn(speaker: str, value: Any, **fields: Any) -> dict[str, Any]:
    return {"from": speaker, "value": value, **fields}


@pytest.mark.parametrize(
    ("human", "gpt"), [("human", "gpt"), ("user", "assistant"), ("Human", " GPT "), ("prompter", "bot")]
)
def test_speakers_get_openais_names(human: str, gpt: str) -> None:
    assert to_openai("sharegpt", {"conversations": [turn(human, "a"), turn(gpt, "b")]}) == {"messages": say("a", "b")}


def test_a_system_prompt_may_stand_beside_the_turns_or_among_them() -> None:
    turns = [turn("human", "a"), turn("gpt", "b")]
    expected = {"messages": [SYSTEM, *say("a", "b")]}
    among = [turn("system", "Be brief."), *turns]
    assert to_openai("sharegpt", {"conversations": turns, "system": "Be brief."}) == expected
    assert to_openai("sharegpt", {"conversations": among}) == expected
    assert to_openai("sharegpt", {"conversations": among, "system": "Be brief."}) == expected
    assert to_openai("sharegpt", {"conversations": turns, "system": ""}) == {"messages": say("a", "b")}
    with pytest.raises(UnreadableRow, match="two different system prompts"):
        to_openai("sharegpt", {"conversations": among, "system": "Be long."})


@pytest.mark.parametrize("tools", [[FUNCTION], json.dumps([FUNCTION]), [{"type": "function", "function": FUNCTION}]])
def test_a_call_and_its_observation_are_tied_by_an_id(tools: Any) -> None:
    turns = [
        turn("human", "Time?"),
        turn("function_call", '{"name": "now", "arguments": {"zone": "CET", "city": "Zürich"}}'),
        turn("observation", "12:00"),
        turn("gpt", "Noon."),
    ]
    row = to_openai("sharegpt", {"conversations": turns, "tools": tools})
    assert row["tools"] == [{"type": "function", "function": FUNCTION}]
    call = row["messages"][1]["tool_calls"][0]
    assert call["function"] == {"name": "now", "arguments": '{"zone": "CET", "city": "Zürich"}'}
    assert row["messages"][1]["content"] is None
    assert row["messages"][2] == {"role": "tool", "content": "12:00", "tool_call_id": call["id"]}


def test_several_calls_at_once_are_answered_in_order() -> None:
    calls = '[{"name": "now", "arguments": {}}, {"name": "where", "arguments": "{}"}]'
    turns = [turn("human", "?"), turn("function_call", calls), turn("tool", "12:00"), turn("tool", "here")]
    messages = to_openai("sharegpt", {"conversations": turns})["messages"]
    assert [call["id"] for call in messages[1]["tool_calls"]] == ["call_1", "call_2"]
    assert [message["tool_call_id"] for message in messages[2:]] == ["call_1", "call_2"]


def test_lists_of_role_and_content_lie_under_several_names() -> None:
    for key in ("conversations", "conversation", "dialogue"):
        row = {key: say("a", "b"), "language": "English"}
        assert to_openai("sharegpt", row) == {"messages": say("a", "b"), "metadata": {"language": "English"}}


def test_chosen_and_rejected_make_a_preference() -> None:
    row = {"conversations": [turn("human", "a")], "chosen": turn("gpt", "b"), "rejected": turn("gpt", "c"), "id": 7}
    assert to_openai("sharegpt", row) == {
        "input": {"messages": say("a")},
        "preferred_output": [{"role": "assistant", "content": "b"}],
        "non_preferred_output": [{"role": "assistant", "content": "c"}],
        "metadata": {"id": 7},
    }


def test_weights_stay_and_other_keys_of_a_turn_are_kept_aside() -> None:
    turns = [turn("human", "a", markdown=None, lang="de"), turn("gpt", "b", weight=0)]
    assert to_openai("sharegpt", {"conversations": turns}) == {
        "messages": [*say("a"), {"role": "assistant", "content": "b", "weight": 0}],
        "metadata": {"message_metadata": {"1": {"lang": "de"}}},
    }


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"conversations": []}, "conversations is empty"),
        ({"conversations": ["hello"]}, "message 1 of conversations is not an object"),
        ({"conversations": [turn("narrator", "x")]}, "message 1 of conversations is from 'narrator'"),
        ({"conversations": [turn("human", "x"), {"from": 7}]}, "message 2 of conversations is from '7'"),
        ({"conversations": [turn("function_call", "now()")]}, "message 1 of conversations is not JSON at column 1"),
        ({"conversations": [turn("function_call", '{"arguments": {}}')]}, "without the tool's name"),
        ({"conversations": [turn("function_call", '{"name": "a", "arguments": NaN}')]}, "not JSON that can be used"),
        ({"conversations": [turn("human", "x")], "tools": "now"}, "tools is not JSON"),
        ({"conversations": [turn("human", "x")], "tools": [{}], "functions": [{}]}, "both tools and the older"),
    ],
)
def test_what_cannot_be_understood_is_refused(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnreadableRow, match=reason) as refused:
        to_openai("sharegpt", row)
    assert refused.value.hint
