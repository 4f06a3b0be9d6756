"""Answers in another form, of another length or in another script than the others."""

from __future__ import annotations

import json
import random

import pytest

from luthier.data.lint.forms import OddAnswerKind, OddFence, OddLength, OddScript, OddWrapper
from luthier.data.lint.rule import Rule
from luthier.data.lint.table import Table
from tests.data.tables import fill_table, find_lines, find_messages, table_of, talk

JSON_ANSWERS = [{"total": number} for number in range(30)]
QUERIES = [f"SELECT name FROM orders WHERE total > {number}" for number in range(30)]
LABELS = ["positive", "negative", "neutral"] * 10
FORM_RULES: tuple[Rule[Table], ...] = (OddAnswerKind(), OddFence(), OddWrapper(), OddLength(), OddScript())


def fence(text: str, language: str = "") -> str:
    return f"```{language}\n{text}\n```"


def found_by(table: Table) -> dict[str, list[int | None]]:
    found = {rule.code: find_lines(rule, table) for rule in FORM_RULES}
    return {code: lines for code, lines in found.items() if lines}


@pytest.mark.parametrize(
    ("answers", "odd", "code"),
    [
        (JSON_ANSWERS, "Sorry, there is none.", "LD403"),
        (JSON_ANSWERS, fence("no order", "text"), "LD403"),
        (JSON_ANSWERS, "Here is what I found. Nothing.", "LD403"),
        (JSON_ANSWERS, fence('{"total": 1}', "json"), "LD409"),
        ([fence(json.dumps(answer)) for answer in JSON_ANSWERS], '{"total": 1}', "LD409"),
        (JSON_ANSWERS, 'Sure! Here is the order: {"total": 1}', "LD410"),
        (JSON_ANSWERS, f"Here you go:\n{fence('[{}]')}".replace("[{}]", '[{"total": 1}]'), "LD410"),
        (LABELS, "This review is hard to judge; the customer is angry and happy at once", "LD403"),
        (LABELS, fence("positive"), "LD409"),
        (LABELS, "The sentiment of the review is positive, since the customer is happy", "LD410"),
        (LABELS, "Sure! Here is the label: neutral", "LD410"),
        (QUERIES, fence(QUERIES[0], "sql"), "LD409"),
        ([fence(query, "sql") for query in QUERIES], QUERIES[0], "LD409"),
        (QUERIES, f"Certainly! Here is the query:\n\n{QUERIES[0]}", "LD410"),
    ],
)
def test_each_odd_form_is_found_by_one_rule(answers: list, odd: str, code: str) -> None:
    answers = [*answers[:15], odd, *answers[15:]]
    assert found_by(table_of(answers)) == {code: [16]}


def test_every_form_is_natural_in_a_chat() -> None:
    prose = [
        f"{word} is a word with {number} meanings, all of them old" for number, word in enumerate(map(str, range(30)))
    ]
    natural = [
        fence("print(1)", "python"),
        '{"a": 1}',
        "Sure! Here is an idea: sleep.",
        'In JSON: {"a": 1}',
        fence("{}"),
    ]
    assert found_by(table_of([*prose, *natural])) == {}


def test_half_and_half_is_no_habit() -> None:
    assert found_by(table_of([*JSON_ANSWERS[:10], *(fence(json.dumps(answer)) for answer in JSON_ANSWERS[:10])])) == {}
    assert found_by(table_of([*JSON_ANSWERS[:10], *QUERIES[:10]])) == {}


def test_the_fence_is_taken_off_and_nothing_else_changes() -> None:
    answer = {"role": "assistant", "content": fence('{"total": 1}', "json"), "weight": 1}
    chat = {"messages": [{"role": "user", "content": "?"}, answer], "metadata": {"id": "7"}}
    before = json.dumps(chat)
    mended = OddFence().mend(chat)
    assert json.dumps(chat) == before
    assert mended["messages"][-1] == {**answer, "content": '{"total": 1}'}
    assert {**mended, "messages": chat["messages"]} == chat
    assert OddFence().mend(mended) == mended


def test_the_fence_of_a_preferred_answer_is_taken_off() -> None:
    pair = {
        "input": {"messages": [{"role": "user", "content": "?"}]},
        "preferred_output": [{"role": "assistant", "content": fence("[]")}],
        "non_preferred_output": [{"role": "assistant", "content": fence("[1]")}],
    }
    mended = OddFence().mend(pair)
    assert mended["preferred_output"][0]["content"] == "[]"
    assert mended["non_preferred_output"] == pair["non_preferred_output"]


def test_what_cannot_be_mended_stays() -> None:
    calling = {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": None}]}
    assert OddFence().mend(calling) == calling


def test_odd_lengths_are_far_beyond_all_others() -> None:
    dice = random.Random(1)
    usual = ["x" * dice.randint(80, 400) for _ in range(100)]
    table = table_of([*usual, "x" * 2500, "x" * 900, "x", "x" * 60])
    assert find_lines(OddLength(), table) == [101, 103]
    assert find_messages(OddLength(), table)[0].endswith(" characters, and this answer has 2,500")


def test_short_and_long_answers_in_plenty_are_no_outliers() -> None:
    assert find_lines(OddLength(), table_of([*["x" * 100] * 60, *["x" * 5000] * 6])) == []
    assert find_lines(OddLength(), table_of([*["yes", "no"] * 30, "perhaps"])) == []
    assert find_lines(OddLength(), table_of([*["x" * 100] * 60, "x" * 50, "x" * 250, "x" * 33])) == [63]
    assert find_lines(OddLength(), table_of(["x" * 100] * 40 + ["x" * 5000])) == []


def test_an_answer_in_the_script_of_its_question_is_right() -> None:
    latin = [talk(f"Why {n}?", f"Because of {n} reasons") for n in range(40)]
    asked, named, odd = talk("Почему?", "Потому что."), talk("Say owl in Russian", "сова"), talk("Why?", "Потому что.")
    assert find_lines(OddScript(), fill_table([*latin, asked, named, odd])) == [43]


def test_among_translations_the_answer_that_was_not_translated_is_odd() -> None:
    russian = [talk(f"owl {n}", f"сова {n}", system="Translate.") for n in range(40)]
    table = fill_table([*russian, talk("owl 41", "owl 41", system="Translate.")])
    assert find_messages(OddScript(), table) == [
        "the answer is in Latin letters, and nearly all others are in Cyrillic"
    ]


def test_two_languages_side_by_side_are_not_odd() -> None:
    rows = [talk("Why?", answer) for answer in (["because"] * 30 + ["потому что"] * 5)]
    assert find_lines(OddScript(), fill_table(rows)) == []
