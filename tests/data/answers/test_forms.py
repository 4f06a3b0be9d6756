"""Answers are told apart by what is around what they say."""

from __future__ import annotations

import pytest

from luthier.data.answers.forms import Form, read_answer, strip_fence

FENCE = "```"


@pytest.mark.parametrize(
    ("text", "form", "inside"),
    [
        ('{"a": 1}', Form.JSON, '{"a": 1}'),
        ("[]", Form.JSON, "[]"),
        ("The sky.", Form.TEXT, "The sky."),
        ("7", Form.TEXT, "7"),
        ("", Form.TEXT, ""),
        (f'{FENCE}json\n{{"a": 1}}\n{FENCE}', Form.FENCED_JSON, '{"a": 1}'),
        (f' {FENCE}\n{{"a": 1}}{FENCE}\n\n', Form.FENCED_JSON, '{"a": 1}'),
        (f'{FENCE}{{"a": 1}}{FENCE}', Form.FENCED_JSON, '{"a": 1}'),
        ("~~~sql\nSELECT 1\n~~~", Form.FENCED_TEXT, "SELECT 1"),
        (f"{FENCE}python\nprint(1)\n{FENCE}\nRun it.", Form.TEXT, f"{FENCE}python\nprint(1)\n{FENCE}\nRun it."),
        (
            f"{FENCE}a\n1\n{FENCE}\nor\n{FENCE}b\n2\n{FENCE}",
            Form.TEXT,
            f"{FENCE}a\n1\n{FENCE}\nor\n{FENCE}b\n2\n{FENCE}",
        ),
        ('Sure! Here is the order: {"a": 1}', Form.WRAPPED_JSON, 'Sure! Here is the order: {"a": 1}'),
        ("Sure! Here is the query: SELECT 1", Form.CHATTY_TEXT, "SELECT 1"),
        (f"Here's the query:\n{FENCE}sql\nSELECT 1\n{FENCE}", Form.CHATTY_TEXT, "SELECT 1"),
        ("The sentiment is positive.", Form.CHATTY_TEXT, "positive."),
        ("Certainly, positive", Form.CHATTY_TEXT, "positive"),
        ("Here are the facts about it. They are many.", Form.CHATTY_TEXT, "the facts about it. They are many."),
        ("Surely not", Form.TEXT, "Surely not"),
        ("great", Form.TEXT, "great"),
    ],
)
def test_an_answer_has_a_form_and_something_inside(text: str, form: Form, inside: str) -> None:
    assert read_answer(text)[:2] == (form, inside)


def test_the_value_is_that_of_the_json_wherever_it_stands() -> None:
    for text in ('{"a": 1}', f'{FENCE}\n{{"a": 1}}\n{FENCE}', 'Sure: {"a": 1}'):
        assert read_answer(text).value == {"a": 1}
    assert read_answer("words").value is None


def test_only_a_fence_around_everything_is_stripped() -> None:
    assert strip_fence(f"{FENCE}\na\n{FENCE}") == "a"
    assert strip_fence(f"a\n{FENCE}\nb\n{FENCE}") is None
    assert strip_fence(f"{FENCE}\na") is None


@pytest.mark.parametrize(
    "text", ["Sure! " * 5000, "`" * 50_000, "```" + " " * 50_000, "Here is " + "a " * 20_000, "{" * 9000]
)
def test_a_long_text_is_read_at_once(text: str) -> None:
    """A pattern that tries every combination would not end before the next release."""
    assert read_answer(text).form in set(Form)
