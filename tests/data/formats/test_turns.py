"""Messages that are OpenAI's stay as they are; those of others get roles, ids and arguments that are text."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.data.formats.format import UnreadableRow
from luthier.data.formats.turns import TurnReader
from tests.data.formats.conversions import say


def read(*turns: Any) -> list[dict[str, Any]]:
    return TurnReader().read(list(turns), "messages")


def call(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": "{}"}, **fields}


def test_sound_messages_are_left_alone() -> None:
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "x"}]},
        {"role": "user", "content": "a", "name": "Zoe"},
        {"role": "assistant", "content": None, "tool_calls": [call("now", id="x1")], "weight": 0},
        {"role": "tool", "tool_call_id": "x1", "content": "b"},
        {"role": "assistant", "content": "c", "tool_calls": []},
    ]
    assert read(*messages) == messages


def test_an_answer_goes_to_the_call_of_its_name_or_the_first_that_waits() -> None:
    calls = {"role": "assistant", "tool_calls": [call("now"), call("where"), call("who")]}
    answers = [{"role": "tool", "name": "where", "content": ""}, {"role": "tool", "content": ""}]
    assert [message.get("tool_call_id") for message in read(calls, *answers)] == [None, "call_2", "call_1"]


def test_new_ids_avoid_those_that_are_there() -> None:
    calls = [call("now", id="call_1"), call("now"), call("now")]
    (message,) = read({"role": "assistant", "tool_calls": calls})
    assert [call["id"] for call in message["tool_calls"]] == ["call_1", "call_2", "call_3"]


def test_an_answer_that_nobody_asked_for_is_left_for_the_rules() -> None:
    assert read({"role": "tool", "content": "b"}) == [{"role": "tool", "content": "b"}]


@pytest.mark.parametrize("calls", [["now"], [None], [{"name": 7}], [{"function": "now"}], "now", 7])
def test_calls_that_make_no_sense_are_left_for_the_rules(calls: Any) -> None:
    message = {"role": "assistant", "tool_calls": calls}
    assert read(message) == [message]


@pytest.mark.parametrize("role", ["User", "narrator", 7, None, ["user"]])
def test_roles_that_nobody_knows_are_left_for_the_rules(role: Any) -> None:
    assert read({"role": role, "content": "a"}) == [{"role": role, "content": "a"}]


def test_empty_keys_of_an_exported_answer_are_dropped_and_full_ones_kept_aside() -> None:
    reader = TurnReader()
    turns = [*say("a"), {"role": "assistant", "content": "b", "refusal": None, "annotations": [], "audio": {"id": 1}}]
    assert reader.read(turns, "messages") == say("a", "b")
    assert reader.leftovers == {"2": {"audio": {"id": 1}}}


@pytest.mark.parametrize("turns", [None, "hello", {"role": "user"}, 7])
def test_what_is_no_list_is_refused(turns: Any) -> None:
    with pytest.raises(UnreadableRow, match="dialogue is not a list of messages"):
        TurnReader().read(turns, "dialogue")
