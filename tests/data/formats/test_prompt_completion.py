"""Prompt and completion become one conversation, whether they are texts or messages."""

from __future__ import annotations

import pytest

from luthier.data.formats.format import UnreadableRow
from tests.data.formats.conversions import SYSTEM, say, to_openai


def test_texts_are_kept_to_the_letter() -> None:
    row = {"prompt": "Translate: yes\n\n###\n\n", "completion": " ja END"}
    assert to_openai("prompt_completion", row) == {"messages": say("Translate: yes\n\n###\n\n", " ja END")}


def test_messages_are_joined() -> None:
    row = {"prompt": [SYSTEM, *say("a", "b", "c")], "completion": [{"role": "assistant", "content": "d"}], "id": 7}
    assert to_openai("prompt_completion", row) == {
        "messages": [SYSTEM, *say("a", "b", "c", "d")],
        "metadata": {"id": 7},
    }


def test_a_prompt_of_messages_may_have_a_completion_of_text() -> None:
    assert to_openai("prompt_completion", {"prompt": say("a"), "completion": "b"}) == {"messages": say("a", "b")}


def test_tools_stay_with_the_conversation() -> None:
    tool = {"type": "function", "function": {"name": "now"}}
    row = {"prompt": "a", "completion": "b", "tools": [tool], "parallel_tool_calls": False}
    expected = {"messages": say("a", "b"), "tools": [tool], "parallel_tool_calls": False}
    assert to_openai("prompt_completion", row) == expected


def test_calls_without_an_id_get_one() -> None:
    call = {"function": {"name": "now", "arguments": {"zone": "CET"}}}
    answer = {"role": "tool", "name": "now", "content": "12:00"}
    row = {"prompt": say("a"), "completion": [{"role": "assistant", "tool_calls": [call]}, answer]}
    messages = to_openai("prompt_completion", row)["messages"]
    assert messages[1]["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": '{"zone": "CET"}'}}
    ]
    assert messages[2] == {**answer, "tool_call_id": "call_1"}


def test_a_missing_side_is_refused() -> None:
    with pytest.raises(UnreadableRow, match="completion is null"):
        to_openai("prompt_completion", {"prompt": "a", "completion": None})
