"""An answer is read as JSON, and every fraction keeps the way it was written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.data.answers.parsing import WrittenFloat, find_json_inside, parse_answer


def test_objects_and_lists_are_parsed() -> None:
    assert parse_answer(' {"a": [1, null, true]}\n') == {"a": [1, None, True]}
    assert parse_answer("[]") == []


@pytest.mark.parametrize(
    "text",
    ["", "7", '"word"', "null", "{", '{"a": NaN}', '{"a": 1e999}', "[" * 100_000, '{"a": 1} b', f"[{'9' * 5000}]"],
)
def test_what_is_no_object_or_list_is_none(text: str) -> None:
    assert parse_answer(text) is None


@pytest.mark.parametrize(("written", "decimals"), [("2.50", 2), ("-0.125", 3), ("1e5", -1), ("1.5E-3", -1)])
def test_a_fraction_knows_how_it_was_written(written: str, decimals: int) -> None:
    number = parse_answer(f"[{written}]")[0]
    assert isinstance(number, WrittenFloat)
    assert (number, number.written, number.decimals) == (float(written), written, decimals)


def test_a_written_fraction_is_dumped_as_any_other() -> None:
    assert json.dumps(parse_answer('{"a": 2.50}')) == '{"a": 2.5}'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('Sure! {"a": 1}', {"a": 1}),
        ('Here:\n```json\n[{"a": 1}]\n```', [{"a": 1}]),
        ('{"a": 1}\nHope this helps!', {"a": 1}),
        ('Fill in {name}: {"a": 1}', {"a": 1}),
        ("see [1] and {}", None),
        ("def f(): return {x: 1}", None),
        ("no braces", None),
        ("{" * 5000, None),
    ],
)
def test_an_object_is_found_inside_a_text(text: str, value: object) -> None:
    assert find_json_inside(text) == value


@settings(deadline=None)
@given(st.text(alphabet='{}[]":,1a ', max_size=40))
def test_no_text_stops_the_parser(text: str) -> None:
    parse_answer(text)
    find_json_inside(text)
