from __future__ import annotations

import json
import re

import pytest

from luthier.evaluation.display.pieces import LONGEST_SHOWN, Piece
from luthier.evaluation.display.texts import show_change, show_shared, show_text
from luthier.evaluation.graders.json_equality import JsonGrader
from tests.evaluation.graders.samples import grade_text

REFERENCE = '{"customer": "Zoe", "items": [{"name": "lamp", "quantity": 2}], "total": 31.00}'


def text_of(text: str, reference: str | None = None) -> str:
    return "".join(piece.text for piece in show_text(text, reference).pieces)


def marked(text: str, reference: str) -> list[tuple[str, str]]:
    return [(piece.text, piece.mark) for piece in show_text(text, reference).pieces if piece.mark]


def test_json_is_laid_out_with_its_numbers_as_they_were_written() -> None:
    assert text_of(REFERENCE).splitlines() == [
        "{",
        '  "customer": "Zoe",',
        '  "items": [',
        '    {"name": "lamp", "quantity": 2}',
        "  ],",
        '  "total": 31.00',
        "}",
    ]


@pytest.mark.parametrize("text", [REFERENCE, "{}", "[]", '{"a": [], "b": {}, "c": [1, [2, [3, {"d": null}]]]}'])
def test_the_layout_is_the_same_value(text: str) -> None:
    assert json.loads(text_of(text)) == json.loads(text)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("2", "3"), [("3", "wrong")]),
        (("31.00", '"31.00"'), [('"31.00"', "wrong")]),
        (("31.00", "31"), []),
        ((', "total": 31.00', ""), [('"total": missing', "missing")]),
        (("31.00}", '31.00, "tip": 1}'), [('"tip": 1', "wrong")]),
        (("2}]", "2}, 5]"), [("5", "wrong")]),
        (('{"name": "lamp", "quantity": 2}', ""), [("missing", "missing")]),
        (('[{"name": "lamp", "quantity": 2}]', "true"), [("true", "wrong")]),
    ],
)
def test_exactly_what_differs_is_marked(change: tuple[str, str], expected: list[tuple[str, str]]) -> None:
    output = REFERENCE.replace(*change)
    assert marked(output, REFERENCE) == expected
    assert grade_text(JsonGrader(), output, REFERENCE).passed == (not expected)


def test_keys_come_in_the_order_of_the_reference() -> None:
    assert text_of('{"b": 1, "c": 3, "a": 2}', '{"a": 2, "b": 1}').split() == [
        "{",
        '"a":',
        "2,",
        '"b":',
        "1,",
        '"c":',
        "3",
        "}",
    ]


def test_differing_words_are_marked_in_text() -> None:
    assert marked("the order is late", "the order is paid") == [("late", "wrong")]
    assert marked("equal", "equal") == []


def test_text_against_json_is_left_unmarked() -> None:
    assert show_text("I do not know", REFERENCE).pieces == (Piece("I do not know"),)


def test_what_is_left_out_is_counted() -> None:
    shown = show_text("x" * (LONGEST_SHOWN + 123))
    assert (shown.length, shown.hidden) == (LONGEST_SHOWN, 123)
    long_json = json.dumps(["y" * 50] * 200)
    whole = sum(len(piece.text) for piece in show_text(long_json).pieces) + show_text(long_json).hidden
    assert whole == len(json.dumps(["y" * 50] * 200, indent=2))
    assert show_text("short").hidden == 0


def test_a_change_of_json_shows_both_values_at_their_place() -> None:
    before, after = '{"a": 1, "b": [1, 2], "c": 0}', '{"a": 2, "b": [1], "d": 0}'
    shown = show_change(before, after)
    assert shown is not None
    assert [(piece.text, piece.mark) for piece in shown.pieces if piece.mark] == [
        ("1", "removed"),
        ("2", "added"),
        ("2", "removed"),
        ('"c": 0', "removed"),
        ('"d": 0', "added"),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a": 1, "b": {"c": [1, {"d": null}]}}', '{"b": {"c": [1, {"d": 2}]}, "e": []}'),
        ("the order is late", "the order was paid"),
        ("[1, 2, 3]", "[]"),
    ],
)
def test_a_change_holds_both_texts(before: str, after: str) -> None:
    """What is not added is the text before, what is not removed the one after."""
    shown = show_change(before, after)
    assert shown is not None
    sides = {
        text: "".join(piece.text for piece in shown.pieces if piece.mark != other)
        for text, other in ((before, "added"), (after, "removed"))
    }
    for text, side in sides.items():
        assert set(re.findall(r"\w+", text)) == set(re.findall(r"\w+", side))


def test_null_and_what_is_not_there_are_told_apart() -> None:
    shown = show_change('{"a": null}', "{}")
    assert shown is not None
    assert [(piece.text, piece.mark) for piece in shown.pieces if piece.mark] == [('"a": null', "removed")]


def test_no_change_is_shown_of_equal_answers_or_of_such_with_nothing_in_common() -> None:
    assert show_change("same", "same") is None
    assert show_change("The order is for a desk.", '{"order": "desk"}') is None
    assert show_change("[1]", '{"a": 1}') is None
    assert show_change("alpha beta gamma delta", "one two three four five six seven") is None


def test_long_runs_of_words_in_common_are_marked_and_short_ones_are_not() -> None:
    shown = show_shared("Zoe ordered 2 lamps, today it rains", "Yesterday zoe ORDERED 2 lamps, and it snowed")
    assert [piece.text for piece in shown.pieces if piece.mark == "shared"] == ["Zoe ordered 2 lamps,"]


def test_texts_can_be_held_to_less_room() -> None:
    assert show_text("x" * 100, room=10).hidden == 90
