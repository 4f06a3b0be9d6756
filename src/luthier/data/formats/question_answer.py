"""Two columns of text whose names say which is asked and which is answered."""

from __future__ import annotations

from typing import Any

from luthier.data.formats.draft import Draft
from luthier.data.formats.format import Format

PAIRS = (("question", "answer"), ("prompt", "response"), ("query", "response"), ("input", "output"))
AMBIGUOUS = frozenset({"messages", "instruction", "context", "passage", "document", "choices", "options", "chosen"})
"""Beside one of these, a question may not be all that is asked; then a person has to say what is."""


class QuestionAnswer(Format):
    """`question` and `answer`, `prompt` or `query` and `response`, or `input` and `output`, as texts."""

    name = "question_answer"
    title = "question and answer"

    def matches(self, fields: dict[str, Any]) -> bool:
        if fields.keys() & AMBIGUOUS:
            return False
        return _find_pair(fields) is not None

    def to_openai(self, fields: dict[str, Any]) -> dict[str, Any]:
        draft = Draft(fields)
        ask, answer = _find_pair(fields) or PAIRS[0]
        messages = draft.read_side(draft.require(ask), ask, role="user")
        messages += draft.read_side(draft.require(answer), answer, role="assistant")
        return draft.build_chat(draft.lead_with_system(messages))


def _find_pair(fields: dict[str, Any]) -> tuple[str, str] | None:
    return next((pair for pair in PAIRS if set(pair) <= fields.keys() and _is_flat(fields, pair)), None)


def _is_flat(fields: dict[str, Any], pair: tuple[str, str]) -> bool:
    return not any(isinstance(fields[name], list | dict) for name in pair)
