"""Rows come out in OpenAI's form, sound ones as they went in, and what was done to them is counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.data.formats.columns import parse_column_map
from luthier.data.formats.format import UnreadableRow
from luthier.data.formats.registry import FORMATS
from luthier.data.jsonl import Damage, Line
from luthier.data.row_converter import RowConverter
from tests.data.formats.strange import rows

if TYPE_CHECKING:
    from luthier.data.row_converter import Target

TOOL = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c7", "type": "function", "function": {"name": "now", "arguments": '{"zone":  "CET"}'}}
CHAT = {
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Time"}, {"type": "text", "text": "?"}], "name": "Zoe"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "12:00", "tool_call_id": "c7"},
        {"role": "assistant", "content": "Noon.", "weight": 0},
        {"role": "user", "content": ""},
        {"role": "assistant", "content": "Yes?", "weight": 1},
    ],
    "tools": [TOOL],
    "parallel_tool_calls": False,
    "metadata": {"source": "phone", "tags": [1, None]},
}
PAIR = {
    "input": {"messages": CHAT["messages"][:2], "tools": [TOOL], "parallel_tool_calls": True},
    "preferred_output": [{"role": "assistant", "content": "Noon."}],
    "non_preferred_output": [{"role": "assistant", "content": "No idea."}],
    "metadata": {"source": "phone"},
}
REINFORCEMENT = {"messages": CHAT["messages"][:2], "tools": [], "reference_answer": {"hour": 12}, "level": None}


def convert(row: dict[str, Any], **choices: Any) -> dict[str, Any]:
    return RowConverter(**choices).convert(Line(1, row))


@pytest.mark.parametrize("row", [CHAT, PAIR, REINFORCEMENT], ids=["chat", "preference", "reinforcement"])
def test_a_row_in_order_comes_out_as_it_went_in(row: dict[str, Any]) -> None:
    assert convert(row) == row
    assert convert(convert(row)) == row


def test_what_is_no_part_of_a_chat_goes_to_its_metadata_and_is_counted() -> None:
    converter = RowConverter()
    messages = [{"role": "user", "content": "a", "language": "en"}, {"role": "assistant", "content": "b"}]
    row = {"messages": messages, "id": 7, "empty": None, "metadata": {"source": "phone"}}
    assert converter.convert(Line(1, row)) == {
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        "metadata": {"source": "phone", "id": 7, "message_metadata": {"1": {"language": "en"}}},
    }
    assert converter.moved_counts == {"id": 1, "message_metadata": 1}


def test_metadata_that_says_something_else_is_not_overwritten() -> None:
    row = {"messages": [], "id": 7, "metadata": {"id": 8}}
    with pytest.raises(UnreadableRow, match="'id' stands in the row and, with another value, in its metadata"):
        convert(row)
    assert convert({**row, "id": 8}) == {"messages": [], "metadata": {"id": 8}}


def test_older_functions_become_tools() -> None:
    function = {"name": "now", "parameters": {}}
    row = {
        "messages": [
            {"role": "user", "content": "Time?"},
            {"role": "assistant", "content": None, "function_call": {"name": "now", "arguments": "{}"}},
            {"role": "function", "name": "now", "content": "12:00"},
            {"role": "assistant", "content": None, "function_call": {"name": "now", "arguments": "{}"}},
            {"role": "function", "name": "now", "content": "12:01"},
            {"role": "assistant", "content": "Noon."},
        ],
        "functions": [function],
    }
    converted = convert(row)
    assert converted["tools"] == [{"type": "function", "function": function}]
    roles = [message["role"] for message in converted["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    calls = [call["id"] for message in converted["messages"] for call in message.get("tool_calls", [])]
    answers = [message["tool_call_id"] for message in converted["messages"] if message["role"] == "tool"]
    assert calls == answers == ["call_1", "call_2"]
    assert converted == convert(row)


def test_a_preference_becomes_a_chat_with_the_preferred_answer() -> None:
    converter = RowConverter(to="chat")
    assert converter.convert(Line(1, PAIR)) == {
        "messages": [*PAIR["input"]["messages"], *PAIR["preferred_output"]],
        "tools": [TOOL],
        "parallel_tool_calls": True,
        "metadata": {"source": "phone"},
    }
    assert converter.rejected_count == 1


def test_a_reinforcement_row_becomes_a_chat_once_its_answer_is_named() -> None:
    with pytest.raises(UnreadableRow, match="no answer; beside its messages it has reference_answer") as refused:
        convert(REINFORCEMENT, to="chat")
    assert refused.value.hint.endswith("--map assistant=reference_answer")
    form = parse_column_map(["assistant=reference_answer"])
    row = {**REINFORCEMENT, "level": 3}
    assert convert(row, to="chat", form=form) == {
        "messages": [*REINFORCEMENT["messages"], {"role": "assistant", "content": '{"hour": 12}'}],
        "tools": [],
        "metadata": {"level": 3},
    }


def test_one_answer_does_not_make_a_preference() -> None:
    with pytest.raises(UnreadableRow, match="one answer, and a preference needs two"):
        convert(CHAT, to="preference")


def test_a_system_prompt_is_added_where_there_is_none() -> None:
    converter = RowConverter(system="Be brief.")
    bare = {"prompt": "a", "completion": "b"}
    assert converter.convert(Line(1, bare))["messages"][0] == {"role": "system", "content": "Be brief."}
    assert converter.convert(Line(2, CHAT)) == CHAT
    pair = {"prompt": "a", "chosen": "b", "rejected": "c"}
    assert converter.convert(Line(3, pair))["input"]["messages"][0]["role"] == "system"
    assert converter.system_count == 2


def test_the_numbers_of_messages_move_with_a_new_first_one() -> None:
    row = {"conversations": [{"from": "human", "value": "a", "language": "en"}, {"from": "gpt", "value": "b"}]}
    for led in (convert(row, system="S"), convert({**row, "system": "S"})):
        assert led["metadata"] == {"message_metadata": {"2": {"language": "en"}}}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (Line(1, [1]), "not an object"),
        (Line(1, {"a": 1}, repeated_keys=("a",)), "stands twice"),
        (Line(1, {"a": 1}, bad_numbers=("NaN",)), "NaN is not a number"),
        (Line(1, damage=Damage("the record is broken", "mend it")), "the record is broken"),
        (Line(1, {"a": 1}), "no known format; its keys are a"),
        (Line(1, {"messages": "x"}), "messages is not a list"),
        (Line(1, {"messages": [1]}), "message 1 of messages is not an object"),
        (Line(1, {"preferred_output": []}), "input is not an object"),
    ],
)
def test_what_is_no_row_is_refused(line: Line, reason: str) -> None:
    with pytest.raises(UnreadableRow, match=reason):
        RowConverter(to="preference").convert(line)


def test_a_forced_format_refuses_rows_of_others() -> None:
    form = next(form for form in FORMATS if form.name == "alpaca")
    with pytest.raises(UnreadableRow, match="not in the format Alpaca"):
        convert({"prompt": "a", "completion": "b"}, form=form)


@settings(max_examples=120, deadline=None)
@given(rows, st.sampled_from(["openai", "chat", "preference"]))
def test_a_row_of_any_shape_is_converted_for_good_or_refused(row: dict[str, Any], to: Target) -> None:
    """What was converted is in its last form: another conversion leaves it alone."""
    converter = RowConverter(to=to, system="S")
    try:
        converted = converter.convert(Line(1, row))
    except UnreadableRow:
        return
    json.dumps(converted, allow_nan=False)
    assert RowConverter(to=to, system="S").convert(Line(1, converted)) == converted
