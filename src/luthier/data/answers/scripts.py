"""A text in, the script that most of its letters belong to out; for whole files, columns of scripts."""

from __future__ import annotations

import re
from array import array
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.conversation import Message

SAMPLE = 400
"""Characters from the start that are looked at."""


class Script(IntEnum):
    """Small enough for a byte in a column. Chinese and Japanese are one, since both write with Han characters."""

    NONE = 0
    LATIN = 1
    CYRILLIC = 2
    GREEK = 3
    ARABIC = 4
    HEBREW = 5
    DEVANAGARI = 6
    CHINESE_OR_JAPANESE = 7
    KOREAN = 8
    THAI = 9

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").capitalize().replace("japanese", "Japanese")


_RUNS = re.compile(
    "([A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]+)|([\u0400-\u052f]+)|([\u0370-\u03ff\u1f00-\u1fff]+)"
    "|([\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff]+)|([\u0590-\u05ff]+)|([\u0900-\u097f]+)"
    "|([\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff]+)"
    "|([\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]+)|([\u0e00-\u0e7f]+)"
)
"""One group for each script, in their order."""

_LANGUAGE = re.compile(
    "translat|transliterat|cyrillic|russian|ukrainian|bulgarian|serbian|greek|arabic|persian|farsi|urdu|hebrew|hindi"
    "|nepali|marathi|sanskrit|chinese|mandarin|cantonese|japanese|kanji|hiragana|katakana|korean|hangul|thai|english"
    "|перевед|перевод|англ|翻訳|翻译|英語|英语|영어|번역",
    re.IGNORECASE,
)

"""What says in a prompt that an answer in another script is wanted."""

_ASCII_LETTER = re.compile("[A-Za-z]")


def find_script(text: str) -> Script:
    """NONE for a text without letters of a script in the list. Latin letters in a name do not outweigh the rest."""
    sample = text[:SAMPLE]
    if sample.isascii():
        return Script.LATIN if _ASCII_LETTER.search(sample) else Script.NONE
    letters = [0] * len(Script)
    for run in _RUNS.finditer(sample):
        letters[run.lastindex or 0] += run.end() - run.start()
    most = max(letters)
    return Script(letters.index(most)) if most else Script.NONE


class ScriptColumns:
    """For each row the script of the answer, that of the last question, and whether the prompt speaks of languages."""

    def __init__(self) -> None:
        self.answered = array("B")
        self.asked = array("B")
        self.is_language_named = array("B")

    def add(self, answer: str, prompt: Sequence[Message]) -> None:
        question = next((message.content for message in reversed(prompt) if message.role == "user"), "")
        answered, asked = find_script(answer), find_script(question)
        self.answered.append(answered)
        self.asked.append(asked)
        self.is_language_named.append(answered != asked and any(_LANGUAGE.search(m.content[:SAMPLE]) for m in prompt))

    def add_none(self) -> None:
        """For an answer that is not in words."""
        self.answered.append(Script.NONE)
        self.asked.append(Script.NONE)
        self.is_language_named.append(False)
