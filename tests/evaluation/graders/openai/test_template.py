"""Templates take what stands at their places, once, and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from luthier.evaluation.graders.openai.template import (
    LONGEST_FILLED,
    FilledTooLong,
    PlaceMissing,
    check_template,
    fill_template,
)

VALUES = {
    "item": {"answer": "Paris", "full name": "Ann", "scores": [1, 2.5], "deep": {"a-b": {"c": True}}, "none": None},
    "sample": {"output_text": "hi", "output_tools": [{"function": {"name": "look_up"}}]},
}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("no place", "no place"),
        ("{{ item.answer }}", "Paris"),
        ("{{item.answer}}, {{ item.answer}}!", "Paris, Paris!"),
        ("{{ item['full name'] }} {{ item[\"full name\"] }}", "Ann Ann"),
        ("{{ item.scores }} {{ item.scores[1] }}", "[1, 2.5] 2.5"),
        ("{{ item.deep.a-b.c }} {{ item.none }}", "true null"),
        ("{{sample.output_tools[0].function.name}}", "look_up"),
        ('{"a": {"b": {{ item.scores }}}}', '{"a": {"b": [1, 2.5]}}'),
        ('{{"json": {}}} { item.answer } {{}}', '{{"json": {}}} { item.answer } {{}}'),
    ],
)
def test_places_are_filled(text: str, filled: str) -> None:
    assert fill_template(check_template(text), VALUES) == filled


def test_what_stands_at_a_place_is_never_a_template() -> None:
    """An answer that writes `{{ item.secret }}` does not get to see it."""
    values = {"item": {"secret": "42"}, "sample": {"output_text": "{{ item.secret }}"}}
    assert fill_template("{{ sample.output_text }}", values) == "{{ item.secret }}"


@pytest.mark.parametrize(
    "place",
    ["item.missing", "item.answer.more", "item.scores[2]", "item.scores.first", "item.answer[0]", "sample.output_json"],
)
def test_a_place_with_nothing_at_it_is_named(place: str) -> None:
    with pytest.raises(PlaceMissing) as caught:
        fill_template(f"{{{{ {place} }}}}", VALUES)
    assert caught.value.place == place


@pytest.mark.parametrize(
    "place", ["foo", "items.x", "item.x | upper", "item.", "item[x]", "item.__class__()", "sample.a b", "item-x"]
)
def test_a_place_that_cannot_be_meant_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="place"):
        check_template(f"text {{{{ {place} }}}}")


def test_places_are_keys_and_never_attributes() -> None:
    with pytest.raises(PlaceMissing):
        fill_template("{{ item.__class__ }}", VALUES)


@pytest.mark.parametrize("text", ["'{{ a' + ' ' * 1_000_000", "'{{a' + ' b' * 500_000", "'{{a ' * 250_000"])
def test_no_text_keeps_the_reader_busy(text: str) -> None:
    """In a process of its own: a pattern that tries every way to read the blanks would take it hours."""
    program = f"from luthier.evaluation.graders.openai.template import check_template; check_template({text})"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)


def test_many_places_do_not_multiply_a_long_value() -> None:
    values = {"item": "x" * (LONGEST_FILLED // 10), "sample": {}}
    assert len(fill_template("{{ item }}" * 10, values)) == LONGEST_FILLED
    with pytest.raises(FilledTooLong):
        fill_template("{{ item }}" * 11, values)
