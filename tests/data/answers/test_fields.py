"""What stands at each path of the answers is counted, within limits."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.data.answers import fields as fields_module
from luthier.data.answers.fields import AnswerFields, Field
from luthier.data.answers.oddities import list_fields
from luthier.data.answers.parsing import WrittenFloat


def gather(*answers: Any, prompt: str = "") -> Field:
    fields = AnswerFields()
    for line, answer in enumerate(answers, 1):
        fields.add(answer, line, prompt)
    return fields.root


def test_types_are_counted_by_row_at_every_path() -> None:
    root = gather({"a": [1, 2, "x"], "b": {"c": None}}, {"a": [], "b": {"c": True}}, [])
    assert root.count_types() == {"object": 2, "array": 1}
    assert root.children["a"].items is not None
    assert root.children["a"].items.count_types() == {"integer": 1, "string": 1}
    assert root.children["b"].children["c"].count_types() == {"boolean": 1, "null": 1}
    assert [root.children["b"].children["c"].path, root.children["a"].items.path] == ["b.c", "a[]"]


def test_lines_of_a_type_are_those_of_all_its_notations() -> None:
    root = gather({"a": "2024-05-04"}, {"a": "soon"}, {"a": ""}, {"a": "4.5.2024"}, {"a": 1})
    assert list(root.children["a"].merge_type("string").lines) == [1, 2, 3, 4]
    assert list(root.children["a"].merge_type("integer").lines) == [5]


def test_keys_are_counted_by_the_kind_of_object() -> None:
    root = gather({"type": "a", "x": 1}, {"type": "b", "y": 1}, {"type": "a", "x": 2})
    counts = {
        name: {keys: seen.count for keys, seen in group.items()} for name, group in root.key_sets.sightings.items()
    }
    assert counts == {"a": {("type", "x"): 2}, "b": {("type", "y"): 1}}


def test_a_key_with_any_text_is_no_kind_of_object() -> None:
    root = gather(*({"type": f"t{number}", "x": 1} for number in range(fields_module.MOST_VARIANTS + 20)))
    assert [len(group) for group in root.key_sets.sightings.values()] == [1]
    assert [seen.count for seen in root.key_sets.merge_variants().values()] == [fields_module.MOST_VARIANTS + 20]


def test_an_object_with_any_keys_is_a_map() -> None:
    root = gather(*({f"k{number}": 1} for number in range(fields_module.MOST_KEYS + 20)))
    assert root.is_map
    assert not root.children
    assert root.count_types() == {"object": fields_module.MOST_KEYS + 20}


def test_values_are_forgotten_when_they_are_too_many_to_be_choices() -> None:
    assert gather(*({"a": "x"} for _ in range(3))).children["a"].values is not None
    assert gather(*({"a": f"x{n}"} for n in range(fields_module.MOST_VALUES + 1))).children["a"].values is None


def test_decimals_are_those_that_were_written() -> None:
    root = gather({"a": WrittenFloat("2.50")}, {"a": 2}, {"a": WrittenFloat("1e3")})
    assert {places: seen.sample for places, seen in root.children["a"].decimals.items()} == {
        2: "2.50",
        0: "2",
        -1: "1e3",
    }
    assert root.children["a"].padded.count == 1


def test_texts_that_stand_in_the_prompt_are_copies() -> None:
    fields = AnswerFields()
    fields.add({"name": "Ana", "greeting": "good day"}, 1, "I am Ana")
    assert (fields.text_count, fields.copied_count) == (2, 1)
    values = fields.root.children["name"].values
    assert values is not None
    assert values["Ana"].copied == 1


def test_deep_long_and_wide_answers_are_looked_at_within_limits() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [{"a": deep}]
    many = {f"k{n}": {f"l{m}": {"x": 1} for m in range(250)} for n in range(250)}
    root = gather(deep, [1] * 100_000, many, many)
    assert root.count_types() == {"object": 2, "array": 2}
    seen = [field for field in list_fields(gather(many)) if field.count_types()]
    assert len(seen) == fields_module.MOST_NODES


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda f: WrittenFloat(repr(f)))
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.lists(JSON, min_size=1, max_size=4))
def test_every_row_is_counted_at_the_root(answers: list[Any]) -> None:
    assert sum(gather(*answers).count_types().values()) == len(answers)
