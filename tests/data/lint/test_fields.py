"""Answers with other keys, types, values or notations than the others have."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.data.lint.fields import OddAnswerKeys, OddDateNotation, OddLabel, OddNumberNotation, OddValueType
from luthier.data.lint.rule import Rule
from luthier.data.lint.table import Table
from tests.data.tables import find_lines, find_messages, ordered, table_of

FIELD_RULES: tuple[Rule[Table], ...] = (
    OddAnswerKeys(), OddValueType(), OddLabel(), OddDateNotation(), OddNumberNotation()
)  # fmt: skip


OTHERWISE = "written otherwise than 60 others, such as"


def orders(count: int) -> list[dict[str, Any]]:
    names = ["desk", "lamp", "rug"]
    return [
        {
            "id": f"A-{number}",
            "total": 10 + number,
            "price": f"{1 + number % 9},{100 + number}.50",
            "date": f"2024-{1 + number % 12:02}-{1 + number % 28:02}",
            "status": ["open", "closed"][number % 2],
            "items": [{"name": names[number % 3], "count": number % 4}],
        }
        for number in range(count)
    ]


def change(**fields: Any) -> dict[str, Any]:
    return {**orders(1)[0], **fields}


def without(order: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in order.items() if key not in keys}


@pytest.mark.parametrize(
    ("odd", "code", "message"),
    [
        (without(change(), "total"), "LD404", "the answer lacks the key 'total', which nearly all of 61 have"),
        (
            without(change(), "total", "date", "price", "status"),
            "LD404",
            "the answer lacks the keys 'total', 'price', 'date' and 1 more, which nearly all of 61 have",
        ),
        (without(change(totl=1), "total"), "LD404", "the answer has the key 'totl', probably 'total'"),
        (change(note=""), "LD404", "the answer has the key 'note', which hardly any of 61 has"),
        (
            without(change(comment=""), "id"),
            "LD404",
            "the answer lacks the key 'id', which nearly all of 61 have, and has the key 'comment' instead",
        ),
        (change(items=[{"name": "rug"}]), "LD404", "'items[]' lacks the key 'count', which nearly all of 61 have"),
        (change(total="7"), "LD405", "'total' is text, and a number in 60 others"),
        (
            change(items=[{"count": True, "name": "rug"}]),
            "LD405",
            "'items[].count' is true or false, and a number in 60 others",
        ),
        (change(items={}), "LD405", "'items' is an object, and a list in 60 others"),
        ([change()], "LD405", "the answer is a list, and an object in 60 others"),
        (change(status="opne"), "LD406", "'status' is 'opne', probably 'open', which 30 rows have"),
        (change(date="4 May 2024"), "LD407", f"'date' is '4 May 2024', {OTHERWISE} '2024-01-01'"),
        (change(date="soon"), "LD407", f"'date' is 'soon', {OTHERWISE} '2024-01-01'"),
        (change(price="1.234,50"), "LD408", f"'price' is '1.234,50', {OTHERWISE} '1,100.50'"),
    ],
)
def test_each_odd_answer_is_found_by_one_rule(odd: Any, code: str, message: str) -> None:
    rows: list[Any] = orders(60)
    table = table_of([*rows[:30], odd, *rows[30:]])
    found = [finding for rule in FIELD_RULES for finding in rule.check(table)]
    assert [(finding.line, finding.code, finding.message_index, finding.message) for finding in found] == [
        (31, code, 3, message)
    ]


def test_sixty_sound_orders_are_left_alone() -> None:
    rows = [*orders(57), change(total=None), change(items=[]), change(total=12.5)]
    assert [finding for rule in FIELD_RULES for finding in rule.check(table_of(rows))] == []


def test_a_row_with_three_odd_entries_is_told_so_once() -> None:
    items = [{"name": "rug"}, {"name": "desk", "cuont": 1}, {"name": "lamp", "count": 1, "x": 1}]
    assert find_lines(OddAnswerKeys(), table_of([*orders(60), change(items=items)])) == [61]


def test_the_text_of_a_finding_is_what_stands_in_the_row() -> None:
    answers = [*orders(60), change(total="7"), change(date="4.5.2024"), change(status="Open"), change(totl=1)]
    table = table_of(answers)
    found = ordered(finding for rule in FIELD_RULES for finding in rule.check(table))
    assert [(finding.line, finding.text) for finding in found] == [
        (61, "7"),
        (62, "4.5.2024"),
        (63, "Open"),
        (64, "totl"),
    ]


def test_labels_of_plain_answers_are_compared() -> None:
    answers = ["refund", "order"] * 20
    table = table_of([*answers, "Refund", "order ", "oder", "complaint"])
    assert find_messages(OddLabel(), table) == [
        "the answer is 'Refund', probably 'refund', which 20 rows have",
        "the answer is 'order ', probably 'order', which 20 rows have",
        "the answer is 'oder', probably 'order', which 20 rows have",
        "the answer is 'complaint', a label that no other row has",
    ]


def test_only_the_label_is_alone_not_every_value() -> None:
    """A third currency may be in one order; a third intent is a mistake, or too few rows."""
    answers = [{"intent": "ab"[n % 2], "currency": ["USD", "EUR"][n % 2]} for n in range(60)]
    rare = {"intent": "c", "currency": "GBP"}
    assert find_messages(OddLabel(), table_of([*answers, rare])) == ["'intent' is 'c', a label that no other row has"]


def test_plain_answers_that_are_dates_or_numbers_are_compared() -> None:
    dates = [f"{1 + n % 28:02}.05.2024" for n in range(30)]
    assert find_lines(OddDateNotation(), table_of([*dates, "2024-05-04"])) == [31]
    prices = [f"{n + 1}.{n % 10}5 €" for n in range(30)]
    assert find_lines(OddNumberNotation(), table_of([*prices, "€12.50"])) == [31]


def test_answers_in_prose_have_no_notation() -> None:
    rows = [f"It was day {n}, and nobody knew why" for n in range(40)]
    assert [rule.code for rule in FIELD_RULES if find_lines(rule, table_of([*rows, "2024-05-04", "1.5"]))] == []
