"""Answers are read as their kind and their values, whatever they are."""

from __future__ import annotations

import pytest

from luthier.conversation import Message, ToolCall
from luthier.curation.answers import read_answer


def read(content: str) -> tuple[str, list[tuple[str, str, str]]]:
    answer = read_answer(Message("assistant", content))
    return answer.kind, [(field.path, field.type, field.text) for field in answer.fields]


def test_the_values_of_json_stand_at_their_paths() -> None:
    kind, fields = read('{"a": {"b": 1, "c": null}, "d": [true, "x"], "e": {}}')
    assert kind == "JSON object"
    assert fields == [
        ("a.b", "number", "1"),
        ("a.c", "null", "null"),
        ("d[]", "boolean", "true"),
        ("d[]", "text", "x"),
        ("e", "object", "{}"),
    ]


def test_a_list_is_a_kind_of_its_own() -> None:
    assert read('["x"]') == ("JSON list", [("[]", "text", "x")])


@pytest.mark.parametrize("text", ["", "It rains.", '{"cut": "of', "5", "null", "{nan}", "[" * 100_000])
def test_all_else_is_text_without_fields(text: str) -> None:
    assert read(text) == ("text", [])


def test_json_that_lies_too_deep_is_one_value() -> None:
    kind, fields = read('{"a":' * 30 + "1" + "}" * 30)
    assert kind == "JSON object"
    assert len(fields) == 1


def test_a_tool_call_has_the_fields_of_its_arguments() -> None:
    call = ToolCall("1", "look_up", '{"city": "Oslo"}')
    answer = read_answer(Message("assistant", tool_calls=(call,)))
    assert (answer.kind, answer.text) == ("tool call", 'look_up {"city": "Oslo"}')
    assert [tuple(field) for field in answer.fields] == [("look_up.city", "text", "Oslo")]
