from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from luthier.conversation import Message, ToolCall
from luthier.server.openai.chat.messages import read_messages
from luthier.server.openai.schema.messages import ChatMessage
from luthier.server.problems import Problem

ROWS = TypeAdapter(list[ChatMessage])

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def read(*rows: dict[str, Any]) -> tuple[Message, ...]:
    return read_messages(ROWS.validate_python(list(rows)))


def test_every_role_is_read_as_it_is() -> None:
    assert read(
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "And kind."},
        {"role": "user", "content": "Hi", "name": "ada"},
        {"role": "assistant", "content": None, "tool_calls": [CALL], "refusal": None, "annotations": []},
        {"role": "tool", "content": "7", "tool_call_id": "c1"},
        {"role": "assistant", "content": "Seven", "weight": 0},
    ) == (
        Message("system", "Be brief."),
        Message("developer", "And kind."),
        Message("user", "Hi", name="ada"),
        Message("assistant", "", tool_calls=(ToolCall("c1", "f", '{"a": 1}'),)),
        Message("tool", "7", tool_call_id="c1"),
        Message("assistant", "Seven"),
    )


def test_parts_of_text_are_joined_as_training_joins_them() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": " two"}]
    assert read({"role": "user", "content": parts}) == (Message("user", "one two"),)


@pytest.mark.parametrize(
    "answer", [{"content": None, "refusal": "No."}, {"content": [{"type": "refusal", "refusal": "No."}]}]
)
def test_a_refusal_is_what_the_assistant_said(answer: dict[str, Any]) -> None:
    assert read({"role": "assistant", **answer}) == (Message("assistant", "No."),)


def test_the_older_form_of_a_call_and_its_result_belong_together() -> None:
    _, call, result = read(
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": ""}},
        {"role": "function", "name": "f", "content": "7"},
    )
    assert [each.name for each in call.tool_calls] == ["f"]
    assert call.tool_calls[0].arguments == "{}"
    assert result == Message("tool", "7", name="f", tool_call_id=call.tool_calls[0].id)


CALLING = {"role": "assistant", "tool_calls": [CALL]}


@pytest.mark.parametrize(
    ("rows", "param"),
    [
        ([{"role": "tool", "content": "7", "tool_call_id": "c1"}], "messages[0].role"),
        ([{"role": "function", "name": "f", "content": "7"}], "messages[0].role"),
        ([CALLING, {"role": "tool", "content": "7", "tool_call_id": "c2"}], "messages[1].role"),
        ([CALLING], "messages[0].tool_calls"),
        ([CALLING, {"role": "user", "content": "Well?"}], "messages[0].tool_calls"),
    ],
)
def test_a_call_without_its_result_and_a_result_without_its_call_are_refused(
    rows: list[dict[str, Any]], param: str
) -> None:
    with pytest.raises(Problem) as caught:
        read(*rows)
    assert (caught.value.status_code, caught.value.param) == (400, param)
