"""LD31x: answers that stop before their end."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from luthier.data.formats.openai_chat import Row
from luthier.data.lint.rule import SHOWN_AROUND, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

LONG = 200
"""Characters from which on an answer is prose that ends with a full stop; a short one may be a phrase."""

FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})(.*)$", re.MULTILINE)
EMPTY_ITEM = re.compile(r"\n[ \t]*(?:[-*•]|#{2,6}|(\d{1,3})([.)]))[ \t]*\**\Z")
OPEN_BRACKET = re.compile(r"(?<![:;=8xX^\-'])\(([^()]{10,})$")
"""Not a smiley."""

UNFINISHED = re.compile(
    r"\b(?:a|an|the|and|or|but|nor|of|than|because|which|whose|its|their|your|our|und|oder|weil|dass)\Z"
)
"""Words after which no sentence ends, not even in a song."""

SELDOM_LAST = re.compile(
    r"\b(?:to|in|on|at|by|for|with|from|as|into|that|who|when|while|if|is|are|was|were|be|been|has|have|had|will|would|can"
    r"|could|should|must|may|might|this|these|my|für|auf|mit|von|zu|einen|eine|pour|avec|dans|les|des|que|para|por|los)\Z"
)
"""Words that end a step or a line of verse now and then, but hardly a paragraph of whole sentences."""

SENTENCE_END = re.compile(r"[.!?][\"\u201d')]?\s")
PARAGRAPH = 80
"""Characters of a last line from which on it is a paragraph."""

CLOSING_PHRASE = re.compile(r"\n[^\n,]{0,40},$")
"""A letter may end with "Best regards," and a name that was taken out."""


class CutOff(Rule[Row]):
    """An answer that stops in the middle: of a code block, of JSON, of its thoughts, or of a sentence."""

    code = "LD310"
    name = "cut-off"
    severity = "warning"
    judges_answer = True
    why = "the model that wrote it ran out of tokens, and a model tuned on such answers stops anywhere"
    example = (
        '{"messages": [{"role": "user", "content": "Print hello."}, '
        '{"role": "assistant", "content": "```python\\nprint(\\"hello\\")"}]}'
    )
    hint = "complete the answer, or delete the row; ask for the data again with a higher limit of tokens"

    def check(self, subject: Row) -> Iterator[Finding]:
        for answer in subject.answers:
            text = answer.text.rstrip()
            reason = _find_open_block(text) or (_find_open_sentence(text) if len(text) > LONG else "")
            if reason:
                message = f"the answer in message {answer.position} looks cut off: {reason}"
                yield self.finding(subject.line, message, at=answer.position, text=text[-2 * SHOWN_AROUND :])


def _find_open_block(text: str) -> str:
    if ("```" in text or "~~~" in text) and _has_open_fence(text):
        return "a code block is never closed"
    if text[:1] in ("{", "[") and _is_begun_json(text):
        return "its JSON ends early"
    if "<think>" in text and text.rfind("<think>") > text.rfind("</think>"):
        return "<think> is never closed"
    return ""


def _has_open_fence(text: str) -> bool:
    """A block ends with a line of at least as many of its signs and nothing else, as CommonMark says."""
    opened = ""
    for match in FENCE.finditer(text):
        signs, rest = match.groups()
        if not opened:
            opened = "" if signs[0] == "`" and "`" in rest else signs
        elif signs.startswith(opened) and not rest.strip():
            opened = ""
    return opened != ""


def _is_begun_json(text: str) -> bool:
    """Whether text is JSON up to its last character and no further."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        is_at_end = error.pos >= len(text) or error.msg.startswith("Unterminated string")
        return is_at_end and '"' in text and not (text[0] == "[" and text[1:2].isalpha())
    except (ValueError, RecursionError):
        return False
    return False


def _find_open_sentence(text: str) -> str:
    last = text[-1]
    if last == "," and not CLOSING_PHRASE.search(text):
        return "it ends with a comma"
    if last in "([{" and text[-2] not in ":;=-":
        return "it ends with an opening bracket"
    if _ends_with_empty_item(text):
        return "it ends with an empty item of a list"
    if not last.isalpha():
        return ""
    line = text[text.rfind("\n") + 1 :]
    word = UNFINISHED.search(text[-24:]) or (_is_paragraph(text, line) and SELDOM_LAST.search(text[-24:]))
    if word:
        return f"it ends with the word {word.group()!r}"
    return "a bracket is never closed" if OPEN_BRACKET.search(line) else ""


def _is_paragraph(text: str, line: str) -> bool:
    return len(line) >= PARAGRAPH and len(SENTENCE_END.findall(text)) >= 2


def _ends_with_empty_item(text: str) -> bool:
    match = EMPTY_ITEM.search(text[-40:])
    if match is None:
        return False
    number, sign = match.groups()
    # A number in a line of its own may be the answer; the next number of a list is not.
    return number is None or f"\n{int(number) - 1}{sign}" in f"\n{text}"
