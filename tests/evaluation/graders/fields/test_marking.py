from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.evaluation.graders.fields.marking import Marker, drop_nulls, measure_f1
from luthier.evaluation.graders.fields.rules import FieldRules, Rule
from luthier.evaluation.graders.json_equality import find_difference

values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)


def mark(got: Any, wanted: Any, **settings: Any) -> list[tuple[str, str]]:
    return [(each.place, each.kind) for each in Marker(FieldRules(**settings)).mark(got, wanted)]


@settings(max_examples=200, deadline=None)
@given(values, values)
def test_all_is_right_exactly_where_two_values_are_the_same(got: Any, wanted: Any) -> None:
    marks = list(Marker().mark(got, wanted))
    assert all(each.kind == "right" for each in marks) == (find_difference(got, wanted) is None)
    assert (measure_f1(marks) == 1.0) == (find_difference(got, wanted) is None)


@settings(max_examples=100, deadline=None)
@given(values, values, st.sampled_from(["ordered", "set"]))
def test_what_is_wanted_does_not_depend_on_what_came(got: Any, wanted: Any, lists: Any) -> None:
    marker = Marker(FieldRules(lists=lists))
    counts = Counter(each.kind for each in marker.mark(got, wanted))
    itself = Counter(each.kind for each in marker.mark(wanted, wanted))
    assert counts["right"] + counts["wrong"] + counts["omitted"] == itself["right"]
    assert set(itself) <= {"right"}


def test_wrong_omitted_and_invented_are_kept_apart() -> None:
    wanted = {"name": "Ann", "total": 31, "items": [{"sku": "a", "count": 1}]}
    got = {"name": "Bob", "items": [{"sku": "a", "count": 1}], "note": {"text": "hi"}}
    assert mark(got, wanted) == [
        ("name", "wrong"),
        ("total", "omitted"),
        ("items[0].sku", "right"),
        ("items[0].count", "right"),
        ("note.text", "invented"),
    ]


def test_an_object_that_is_not_there_omits_all_its_fields() -> None:
    assert mark({}, {"a": {"b": 1, "c": [1, 2]}, "d": {}}) == [
        ("a.b", "omitted"),
        ("a.c[0]", "omitted"),
        ("a.c[1]", "omitted"),
        ("d", "omitted"),
    ]
    assert mark({"a": "x"}, {"a": {"b": 1}}) == [("a.b", "omitted"), ("a", "invented")]
    assert mark({"a": None}, {"a": {"b": 1}}) == [("a.b", "omitted")]


def test_what_stands_in_a_list_that_should_be_empty_is_invented() -> None:
    assert mark([1], []) == [("", "wrong"), ("[0]", "invented")]
    assert mark([], []) == [("", "right")]
    assert mark([], [1]) == [("[0]", "omitted")]


def test_one_missing_element_does_not_make_the_others_wrong() -> None:
    wanted = [{"a": number, "b": number} for number in range(5)]
    assert Counter(kind for _, kind in mark(wanted[1:], wanted)) == {"right": 8, "omitted": 2}
    assert Counter(kind for _, kind in mark([{"a": 9, "b": 9}, *wanted], wanted)) == {"right": 10, "invented": 2}
    assert Counter(kind for _, kind in mark([wanted[1], wanted[0]], wanted[:2])) == {
        "right": 2,
        "omitted": 2,
        "invented": 2,
    }


def test_sets_have_no_order() -> None:
    wanted = [{"a": number, "b": number} for number in range(5)]
    got = [{"a": 4, "b": 0}, *reversed(wanted[:4])]
    assert Counter(kind for _, kind in mark(got, wanted, lists="set")) == {"right": 9, "wrong": 1}
    assert mark(["x", "a"], ["a", "b"], lists="set") == [("[0]", "right"), ("[1]", "omitted"), ("[0]", "invented")]


def test_objects_with_a_key_are_compared_with_their_own() -> None:
    rules = {"items": Rule(list="key", key="sku")}
    wanted = {"items": [{"sku": "a", "count": 1}, {"sku": "b", "count": 2}]}
    got = {"items": [{"sku": "b", "count": 1}, {"sku": "c", "count": 1}]}
    assert mark(got, wanted, fields=rules) == [
        ("items[0].sku", "omitted"),
        ("items[0].count", "omitted"),
        ("items[1].sku", "right"),
        ("items[1].count", "wrong"),
        ("items[1].sku", "invented"),
        ("items[1].count", "invented"),
    ]


def test_an_ignored_field_is_neither_wanted_nor_invented() -> None:
    rules = {"note": Rule(compare="ignore"), "items[].id": Rule(compare="ignore")}
    assert mark({"note": {"x": 1}, "items": [{"id": 3, "a": 1}]}, {"items": [{"a": 1}]}, fields=rules) == [
        ("items[0].a", "right")
    ]
    assert mark({}, {"note": "x"}, fields=rules) == []


def test_a_null_may_stand_for_nothing() -> None:
    assert drop_nulls({"a": None, "b": [None, {"c": None}]}) == {"b": [None, {}]}


@pytest.mark.parametrize("lists", ["ordered", "set"])
def test_long_lists_in_another_order_are_marked_in_time(lists: Any) -> None:
    wanted = [{"id": number, "tags": [number, number + 1]} for number in range(1_000)]
    marks = mark(list(reversed(wanted)), wanted, lists=lists)
    assert all(kind == "right" for _, kind in marks) == (lists == "set")


def test_what_pairing_costs_has_an_end() -> None:
    class Counting(Marker):
        weighed = 0

        def _mark_value(self, got: Any, wanted: Any, spot: Any) -> Any:
            self.weighed += 1
            return super()._mark_value(got, wanted, spot)

    marker = Counting(FieldRules(lists="set"))
    got = [[[number + place for place in range(20)] for _ in range(20)] for number in range(0, 400, 20)]
    wanted = [[[-number - place for place in range(20)] for _ in range(20)] for number in range(1, 400, 20)]
    assert sum(each.kind == "right" for each in marker.mark(got, wanted)) == 0
    assert marker.weighed < 100_000  # of the 20**6 comparisons of every value with every other
