from __future__ import annotations

import json
from typing import Any

import pytest

from luthier.engine.tools.offer import OfferedFunction, read_offer
from luthier.errors import InvalidRequest


def test_functions_are_read_with_and_without_their_envelope() -> None:
    schema = {"type": "object", "properties": {}}
    tools = [
        {"type": "function", "function": {"name": "a.b", "parameters": schema}},
        {"name": "c-d", "parameters": schema},
    ]
    assert read_offer(json.dumps(tools)) == (OfferedFunction("a.b", schema), OfferedFunction("c-d", schema))


def test_a_function_without_parameters_takes_none() -> None:
    (function,) = read_offer('[{"name": "f"}]')
    assert function.parameters == {"type": "object", "properties": {}, "additionalProperties": False}


def test_no_text_is_no_offer() -> None:
    assert read_offer("") == ()


@pytest.mark.parametrize(
    ("tools", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "not a list"),
        ("[]", "not a list"),
        ("[3]", "tool 1 is not a function"),
        ([{"function": []}], "tool 1 is not a function"),
        ([{"name": "a"}, {}], "tool 2 has the name None"),
        ([{"name": "two words"}], "two words"),
        ([{"name": "x" * 65}], "tool 1 has the name"),
        ([{"name": "a", "parameters": []}], "parameters of a"),
        ([{"name": "a"}, {"name": "a"}], "twice"),
    ],
)
def test_what_is_no_list_of_functions_is_refused(tools: Any, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason) as caught:
        read_offer(tools if isinstance(tools, str) else json.dumps(tools))
    assert caught.value.hint
