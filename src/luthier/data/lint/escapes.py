"""LD11x and LD12x: signs for characters instead of the characters: entities, escapes, and the line ends of Windows."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from luthier.data.formats.openai_chat import Row
from luthier.data.lint.amendment import amend_texts
from luthier.data.lint.rule import Rule, show_around

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

    Fields = dict[str, Any]

ENTITY = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|hellip|[mn]dash|[lr][sd]quo|[aeiou](?:uml|acute|grave|circ)|ntilde|ccedil|szlig"
    r"|copy|reg|trade|euro|pound|bull|middot|deg|#\d{2,5}|#x[0-9a-f]{2,4});",
    re.IGNORECASE,
)
MARKUP_TALK = re.compile(
    r"</?[a-z!][^<>]*>|`|html|xml|entit(?:y|ies)|escap|svg|markup|jsx|php|css\b|javascript|web ?page", re.IGNORECASE
)
"""Signs that a row is about markup, in which entities are right."""

ESCAPED_BREAK = re.compile(r"(?:\\r)?\\n(?=[A-Z0-9•*#\- ]|\\[nt]|$)")
OTHER_BACKSLASH = re.compile(r"\\(?![nrt\"])|[`{;]|\\[nrt][a-z]*[\"')]")
"""Signs of code, of formulas and of paths, in which a backslash is right."""


class HtmlEntities(Rule[Row]):
    """An answer with &amp; or the like in a row that has nothing to do with markup."""

    code = "LD118"
    name = "html-entities"
    severity = "warning"
    why = "the text was taken from a web page half-way, and the model would learn to write &amp; for &"
    example = (
        '{"messages": [{"role": "user", "content": "Who sells it?"}, '
        '{"role": "assistant", "content": "Smith &amp; Sons."}]}'
    )
    hint = "write the characters themselves"
    fix = "writes the characters themselves, in answers"

    def check(self, subject: Row) -> Iterator[Finding]:
        if "&" not in subject.text or not ENTITY.search(subject.text) or MARKUP_TALK.search(subject.text):
            return
        for answer in subject.answers:
            match = ENTITY.search(answer.text)
            if match:
                text = f"the answer in message {answer.position} holds the HTML entity {match.group()}"
                window = show_around(answer.text, match.start())
                yield self.finding(subject.line, text, at=answer.position, text=window)

    def mend(self, row: Fields) -> Fields:
        return amend_texts(row, _replace_entities, roles=("assistant",))


class EscapedLineBreaks(Rule[Row]):
    r"""A text with \n in two characters wherever a line should end."""

    code = "LD119"
    name = "escaped-line-breaks"
    severity = "warning"
    why = r"the text was escaped twice, and the model would learn to write \n instead of ending a line"
    example = r'{"messages": [{"role": "user", "content": "Hello,\\n\\nwhere is my parcel?\\n\\nThanks"}]}'
    hint = "read the source with a JSON reader once more, or leave out one step of escaping"
    fix = r"ends a line where \n stands, and writes \t as a tab"

    def check(self, subject: Row) -> Iterator[Finding]:
        if "\\n" not in subject.text:
            return
        for passage in subject.passages:
            if not passage.is_arguments and passage.role != "tool" and _is_escaped_twice(passage.text):
                text = f"message {passage.position} holds \\n in two characters instead of line breaks"
                window = show_around(passage.text, passage.text.index("\\n"))
                yield self.finding(subject.line, text, at=passage.position, text=window)

    def mend(self, row: Fields) -> Fields:
        return amend_texts(row, _unescape_breaks, roles=("system", "developer", "user", "assistant"))


class CarriageReturns(Rule[Row]):
    r"""An answer whose lines end as on Windows, with \r."""

    code = "LD120"
    name = "carriage-returns"
    severity = "info"
    why = "the model would learn to end its lines so, and half the file ending them otherwise teaches both"
    example = r'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "one\r\ntwo"}]}'
    hint = r"end lines with \n alone"
    fix = r"ends the lines of answers with \n alone"

    def check(self, subject: Row) -> Iterator[Finding]:
        if "\r" not in subject.text:
            return
        for answer in subject.answers:
            count = answer.text.count("\r")
            if count:
                text = f"the answer in message {answer.position} holds {count} carriage return{'s' * (count > 1)}"
                window = show_around(answer.text, answer.text.index("\r"))
                yield self.finding(subject.line, text, at=answer.position, text=window)

    def mend(self, row: Fields) -> Fields:
        return amend_texts(row, lambda text: text.replace("\r\n", "\n").replace("\r", "\n"), roles=("assistant",))


def _replace_entities(text: str) -> str:
    replaced = ENTITY.sub(lambda match: html.unescape(match.group()), text)
    return text if replaced == text else _replace_entities(replaced)


def _is_escaped_twice(text: str) -> bool:
    if "\\n" not in text or "\n" in text or OTHER_BACKSLASH.search(text):
        return False
    return len(ESCAPED_BREAK.findall(text)) >= 2


def _unescape_breaks(text: str) -> str:
    if not _is_escaped_twice(text):
        return text
    return text.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')
