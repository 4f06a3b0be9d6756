"""Differences of two rows are as small as they can be, and lead back from one to the other."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.data.mending.changes import ABSENT, Change, Difference, find_differences
from tests.data.ledgers import undo_change

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text('ab."[]é', max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab."[]é', max_size=3), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("before", "after", "differences"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": {"b": ["x", "y"]}}, {"a": {"b": ["x", "z"]}}, [("a.b[1]", "y", "z")]),
        ({"a": [1]}, {"a": [1, 2]}, [("a", [1], [1, 2])]),
        ({"a": 1}, {}, [("a", 1, ABSENT)]),
        ({}, {"a": None}, [("a", ABSENT, None)]),
        ({"a": 1}, {"a": True}, [("a", 1, True)]),
        ({"a": 1}, {"a": 1.0}, [("a", 1, 1.0)]),
        ({"two words": 'x"'}, {"two words": "y"}, [('["two words"]', 'x"', "y")]),
        ({"a": {"1": 0}}, {"a": {"1": 1}}, [('a["1"]', 0, 1)]),
    ],
)
def test_differences_are_named_by_their_paths(before: Any, after: Any, differences: list[Any]) -> None:
    assert list(find_differences(before, after)) == [Difference(*difference) for difference in differences]


@given(st.dictionaries(st.text("ab", max_size=2), JSON, max_size=3), st.dictionaries(st.text("ab", max_size=2), JSON))
def test_undoing_the_differences_gives_the_first_value_again(before: dict[str, Any], after: dict[str, Any]) -> None:
    value: Any = copy.deepcopy(after)
    for difference in reversed(list(find_differences(before, after))):
        change = Change(1, "LD999", "changed", *difference).to_json(shows_values=True)
        value = undo_change(value, json.loads(json.dumps(change)))
    assert json.dumps(value, sort_keys=True) == json.dumps(before, sort_keys=True)


def test_values_are_left_out_where_they_are_not_to_be_shown() -> None:
    change = Change(3, "LD111", "changed", "messages[0].content", "before", "after")
    assert change.to_json(shows_values=False) == {
        "line": 3,
        "code": "LD111",
        "action": "changed",
        "path": "messages[0].content",
    }
