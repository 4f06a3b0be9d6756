from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.engine.tools.json_reading import NoJson, read_items, read_members, read_value

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
LAYOUTS = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])


@given(value=st.dictionaries(st.text(max_size=3), VALUES, max_size=4), layout=LAYOUTS)
def test_every_member_is_found_with_the_characters_that_say_it(
    value: dict[str, object], layout: dict[str, object]
) -> None:
    text = f"say {json.dumps(value, **layout)} done"  # type: ignore[arg-type]
    members = read_members(text, 4)
    assert {key: json.loads(text[span.start : span.end]) for key, span in members.items()} == value


@given(values=st.lists(VALUES, max_size=4), layout=LAYOUTS)
def test_every_item_is_found_with_the_characters_that_say_it(values: list[Any], layout: dict[str, Any]) -> None:
    text = f"{json.dumps(values, **layout)} done"
    assert [json.loads(text[span.start : span.end]) for span in read_items(text, 0)] == values


@pytest.mark.parametrize("text", ["", "{", '{"a" 1}', "NaN", "[1", "word", '{"a": Infinity}', "[" * 100_000])
def test_what_is_no_json_is_told(text: str) -> None:
    with pytest.raises(NoJson):
        read_value(text, 0)


@pytest.mark.parametrize("text", ["{1: 2}", '{"a": 1 "b": 2}', '{"a": 1', "{"])
def test_what_is_no_object_is_told(text: str) -> None:
    with pytest.raises(NoJson):
        read_members(text, 0)


@pytest.mark.parametrize("text", ["[1 2]", "[1", "[", "[1,"])
def test_what_is_no_list_is_told(text: str) -> None:
    with pytest.raises(NoJson):
        read_items(text, 0)
