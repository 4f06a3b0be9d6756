from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.evaluation.display.json_layout import lay_out_answer, lay_out_change, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("text", ["5", '"word"', "not JSON", "", '{"a": 1, "a": 2}', "NaN"])
def test_only_objects_and_lists_are_laid_out(text: str) -> None:
    assert read_json(text) is None


@given(VALUES, VALUES)
def test_marks_are_there_exactly_where_values_differ(before: object, after: object) -> None:
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert any(piece.mark for piece in lay_out_answer(after, before)) == (not same)
    assert any(piece.mark for piece in lay_out_change(before, after)) == (not same)


@given(VALUES)
def test_the_layout_of_a_value_is_that_value(value: object) -> None:
    assert json.loads("".join(piece.text for piece in lay_out_answer(value, value))) == value


@given(VALUES, VALUES)
def test_a_change_marks_with_removed_and_added_alone(before: object, after: object) -> None:
    assert {piece.mark for piece in lay_out_change(before, after)} <= {"", "removed", "added"}
    assert {piece.mark for piece in lay_out_answer(after, before)} <= {"", "wrong", "missing"}
