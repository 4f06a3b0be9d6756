"""Each format knows its own rows, and no row of any shape can do more than be refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings

from luthier.data.formats.format import Format, UnreadableRow
from luthier.data.formats.registry import FORMATS, detect_format, find_format
from luthier.errors import UsageError
from tests.data.formats.strange import rows

USER, ASSISTANT = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
CANONICAL = {"chat", "preference", "reinforcement"}

TYPICAL: list[tuple[str, dict[str, Any]]] = [
    ("chat", {"messages": [USER, ASSISTANT]}),
    ("chat", {"messages": [USER, ASSISTANT], "prompt": "a", "prompt_id": "1"}),
    ("preference", {"input": {"messages": [USER]}, "preferred_output": [ASSISTANT], "non_preferred_output": []}),
    ("reinforcement", {"messages": [USER], "reference_answer": "b"}),
    ("prompt_completion", {"prompt": "a", "completion": "b"}),
    ("prompt_completion", {"prompt": [USER], "completion": [ASSISTANT]}),
    ("prompt_completion", {"prompt": "a", "completion": None}),
    ("sharegpt", {"conversations": [{"from": "human", "value": "a"}]}),
    ("sharegpt", {"conversation": [USER, ASSISTANT], "language": "English"}),
    ("sharegpt", {"conversations": [{"from": "human", "value": "a"}], "chosen": {}, "rejected": {}}),
    ("alpaca", {"instruction": "a", "input": "", "output": "b", "text": "a b"}),
    ("alpaca", {"instruction": "a", "context": "", "response": "b", "category": "open_qa"}),
    ("alpaca", {"instruction": "a", "chosen": "b", "rejected": "c"}),
    ("trl_preference", {"prompt": "a", "chosen": "b", "rejected": "c"}),
    ("trl_preference", {"chosen": [USER, ASSISTANT], "rejected": [USER, ASSISTANT]}),
    ("trl_preference", {"prompt": "a", "chosen": [USER, ASSISTANT], "rejected": [USER], "messages": [USER, ASSISTANT]}),
    ("question_answer", {"question": "a", "answer": "b"}),
    ("question_answer", {"prompt": "a", "response": "b", "id": 7}),
    ("question_answer", {"input": "a", "output": "b"}),
]


@pytest.mark.parametrize(("name", "row"), TYPICAL)
def test_a_typical_row_is_recognised(name: str, row: dict[str, Any]) -> None:
    found = detect_format(row)
    assert found is not None
    assert found.name == name
    assert find_format(name) is found


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"text": "hello"},
        {"question": "a", "answer": "b", "context": "c"},
        {"conversations": "hello"},
        {"instruction": "a"},
        {"chosen": "a"},
    ],
)
def test_what_says_too_little_is_of_no_format(row: dict[str, Any]) -> None:
    assert detect_format(row) is None


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as refused:
        find_format("share_gpt")
    assert refused.value.hint == "did you mean sharegpt?"


@settings(max_examples=120, deadline=None)
@given(rows)
def test_a_row_of_any_shape_is_converted_or_refused_and_never_changed(row: dict[str, Any]) -> None:
    """Whatever the rows are: also when a person forces a format that they are not in."""
    before = copy.deepcopy(row)
    for form in FORMATS:
        converted = try_conversion(form, row)
        if isinstance(converted, UnreadableRow):
            assert converted.hint
            continue
        json.dumps(converted, allow_nan=False)
        assert form.name in CANONICAL or detect_format(converted).name in CANONICAL
    assert row == before


def try_conversion(form: Format, row: dict[str, Any]) -> dict[str, Any] | UnreadableRow:
    try:
        return form.to_openai(row)
    except UnreadableRow as flaw:
        return flaw
