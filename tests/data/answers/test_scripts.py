"""The script of a text is that of most of its letters."""

from __future__ import annotations

import pytest

from luthier.conversation import Message
from luthier.data.answers.scripts import Script, ScriptColumns, find_script


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("owl", Script.LATIN),
        ("Żółw, Đà Nẵng", Script.LATIN),
        ("сова", Script.CYRILLIC),
        ("κουκουβάγια", Script.GREEK),
        ("بومة", Script.ARABIC),
        ("ינשוף", Script.HEBREW),
        ("उल्लू", Script.DEVANAGARI),
        ("ふくろう", Script.CHINESE_OR_JAPANESE),
        ("猫头鹰", Script.CHINESE_OR_JAPANESE),
        ("올빼미", Script.KOREAN),
        ("นกฮูก", Script.THAI),
        ("Сова по-английски owl", Script.CYRILLIC),
        ("42 %", Script.NONE),
        ("🦉 — ²", Script.NONE),
        ("", Script.NONE),
    ],
)
def test_the_script_of_most_letters_is_found(text: str, script: Script) -> None:
    assert find_script(text) is script


def test_every_script_has_a_title_for_messages() -> None:
    assert [script.title for script in (Script.LATIN, Script.CHINESE_OR_JAPANESE)] == ["Latin", "Chinese or Japanese"]


def test_columns_remember_whether_another_script_was_asked_for() -> None:
    columns = ScriptColumns()
    columns.add("сова", [Message("user", "What is an owl?")])
    columns.add("сова", [Message("system", "Translate."), Message("user", "owl")])
    columns.add("сова", [Message("user", "Что это?"), Message("assistant", "?"), Message("user", "Что?")])
    columns.add_none()
    assert list(columns.answered) == [Script.CYRILLIC] * 3 + [Script.NONE]
    assert list(columns.asked) == [Script.LATIN, Script.LATIN, Script.CYRILLIC, Script.NONE]
    assert list(columns.is_language_named) == [False, True, False, False]
