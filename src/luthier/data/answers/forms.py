"""The text of an answer in; out comes whether it is JSON or words, bare, in a fence, or with chatter around it."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any, NamedTuple

from luthier.data.answers.parsing import find_json_inside, parse_answer


class Form(IntEnum):
    """Small enough for a byte in a column."""

    TOOL_CALL = 0
    JSON = 1
    TEXT = 2
    FENCED_JSON = 3
    FENCED_TEXT = 4
    WRAPPED_JSON = 5
    CHATTY_TEXT = 6


JSON_FORMS = (Form.JSON, Form.FENCED_JSON, Form.WRAPPED_JSON)
TEXT_FORMS = (Form.TEXT, Form.FENCED_TEXT, Form.CHATTY_TEXT)


class ReadAnswer(NamedTuple):
    """`value` is the JSON of an answer of that form, `inside` the text without its fence or its chatter."""

    form: Form
    inside: str
    value: Any = None


_LANGUAGE_LINE = re.compile(r"[\w+#.-]{0,30}[ \t]*\n")

_CHATTER = re.compile(
    r"(?:(?:sure|certainly|of course|absolutely|okay|great)\b[^\n:.!,]{0,40}[!.,:]\s+)?"
    r"(?:(?:here(?:'s| is| are)|(?:the|my|your) [\w ]{1,40}? (?:is|are|would be)|i (?:think|believe)|it is)\b"
    r"(?:[^\n:.]{0,80}(?::\s*|\n+)|\s+))?",
    re.IGNORECASE,
)


def read_answer(text: str) -> ReadAnswer:
    """Of an answer in words; one that calls a tool is of the form TOOL_CALL, whatever it says besides."""
    value = parse_answer(text)
    if value is not None:
        return ReadAnswer(Form.JSON, text, value)
    inside = strip_fence(text)
    if inside is not None:
        value = parse_answer(inside)
        return ReadAnswer(Form.FENCED_TEXT if value is None else Form.FENCED_JSON, inside, value)
    value = find_json_inside(text)
    if value is not None:
        return ReadAnswer(Form.WRAPPED_JSON, text, value)
    inside = _strip_chatter(text)
    return ReadAnswer(Form.CHATTY_TEXT if len(inside) < len(text) else Form.TEXT, inside)


def strip_fence(text: str) -> str | None:
    """What stands in the one fence that holds the whole text; None when there is no such."""
    bare = text.strip()
    if not bare.startswith(("```", "~~~")):
        return None
    width = len(bare) - len(bare.lstrip(bare[0]))
    mark = bare[0] * width
    body = bare[width:-width]
    if len(bare) < 2 * width or not bare.endswith(mark) or bare[:3] in body:
        return None
    language = _LANGUAGE_LINE.match(body)
    return body[language.end() :].rstrip() if language else body.strip()


def _strip_chatter(text: str) -> str:
    """The text without the words that lead up to an answer, such as `Sure! Here is the query:`."""
    match = _CHATTER.match(text)
    inside = text[match.end() :] if match else text
    return strip_fence(inside) or inside
