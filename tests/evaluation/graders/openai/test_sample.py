"""An answer's text becomes what graders see of it."""

from __future__ import annotations

import pytest

from luthier.evaluation.graders.openai.sample import read_sample


def test_a_text_that_is_json_has_its_value_as_well() -> None:
    sample = read_sample('{"a": [1]}')
    assert sample.to_openai()["output_text"] == '{"a": [1]}'
    assert sample.to_openai()["output_json"] == {"a": [1]}
    assert sample.list_places()["output_json"] == {"a": [1]}


@pytest.mark.parametrize("text", ["", "hello", "{", "NaN", "[" * 100_000])
def test_a_text_that_is_no_json_has_none(text: str) -> None:
    sample = read_sample(text)
    assert sample.to_openai()["output_json"] is None
    assert "output_json" not in sample.list_places()


def test_the_value_null_is_json() -> None:
    assert read_sample("null").list_places()["output_json"] is None


def test_calls_are_those_of_the_message() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    seen = read_sample("", calls=(call,)).to_openai()
    assert seen["output_tools"] == [call]
    assert seen["choices"][0]["message"]["tool_calls"] == [call]
