"""LD30x: whether a message says something, and whether it is text at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.conversation import canonical_json
from luthier.data.formats.openai_chat import RawMessage, Row, is_text_part
from luthier.data.lint.amendment import amend_messages
from luthier.data.lint.rule import Rule, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

    Fields = dict[str, Any]

SPREADSHEET_NULLS = frozenset(
    {"nan", "undefined", "[object object]", "#n/a", "#ref!", "#value!", "#name?", "<na>", "nat"}
)
"""What other programs write for a value that is not there, in lower case; hardly ever meant as an answer."""

WORD_NULLS = SPREADSHEET_NULLS | {"none", "null"}
"""These two can be an answer, such as the label None, but not a question."""


class WrongContentType(Rule[Row]):
    """Content that is neither text nor a list of parts."""

    code = "LD301"
    name = "wrong-content-type"
    why = "a model reads and writes text; anything else needs a decision about how it is written"
    example = '{"messages": [{"role": "user", "content": {"order": 7}}]}'
    hint = "write the content as text; an object becomes text when you dump it as JSON"
    fix = "writes an object, number or truth value as JSON text"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            if not isinstance(message.content, str | list | None):
                text = f"the content of message {message.position} is {quote(message.content)}, not text"
                yield self.finding(subject.line, text, at=message.position, text=canonical_json(message.content))

    def mend(self, row: Fields) -> Fields:
        def amend(message: Fields) -> Fields:
            content = message.get("content")
            if isinstance(content, str | list | None):
                return message
            return {**message, "content": content["text"] if is_text_part(content) else canonical_json(content)}

        return amend_messages(row, amend)


class MissingContent(Rule[Row]):
    """A message without content that calls no tool either."""

    code = "LD302"
    name = "missing-content"
    why = "a message that says nothing teaches nothing"
    example = '{"messages": [{"role": "user", "content": null}]}'
    hint = "write the content, or delete the message"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            if message.content is None and not _calls_something(message):
                text = f"message {message.position} has no content"
                yield self.finding(subject.line, text, at=message.position)


class EmptyAnswer(Rule[Row]):
    """An answer that is empty or blank."""

    code = "LD303"
    name = "empty-answer"
    why = "the model would learn to say nothing"
    example = '{"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": " "}]}'
    hint = "write the answer, or delete the row"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            if message.role == "assistant" and _is_blank(message) and not _calls_something(message):
                text = f"the answer in message {message.position} is empty"
                yield self.finding(subject.line, text, at=message.position)


class NotText(Rule[Row]):
    """A part of the content that is an image, a sound or a file."""

    code = "LD304"
    name = "not-text"
    why = "Luthier trains on text only, and an answer about an unseen image is a made-up answer"
    example = '{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a.png"}}]}]}'
    hint = "only text is supported: delete the row, or describe the part in words"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            for number, part in enumerate(message.parts, 1):
                if not is_text_part(part):
                    kind = quote(part.get("type") if isinstance(part, dict) else part)
                    text = f"part {number} of message {message.position} is {kind}, not a text part"
                    yield self.finding(subject.line, text, at=message.position, text=canonical_json(part))


class EmptyPrompt(Rule[Row]):
    """A user message that is empty or blank."""

    code = "LD305"
    name = "empty-prompt"
    severity = "warning"
    why = "the model would learn to answer a question that was not asked"
    example = '{"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": "hello"}]}'
    hint = "write what the user asked, or delete the row"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            if message.role == "user" and _is_blank(message):
                text = f"message {message.position} is from user and empty"
                yield self.finding(subject.line, text, at=message.position)


class EmptySystem(Rule[Row]):
    """A system or developer message that is empty or blank."""

    code = "LD306"
    name = "empty-system"
    severity = "warning"
    why = "it costs tokens in every row, and some chat templates put their own prompt where there is none at all"
    example = '{"messages": [{"role": "system", "content": ""}, {"role": "user", "content": "hello"}]}'
    hint = "write the instruction, or delete the message from every row"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            if message.role in ("system", "developer") and _is_blank(message):
                text = f"message {message.position} is from {message.role} and empty"
                yield self.finding(subject.line, text, at=message.position)


class NullInWords(Rule[Row]):
    """A whole message that is a missing value in words: nan, undefined, [object Object], #N/A."""

    code = "LD318"
    name = "null-in-words"
    severity = "warning"
    why = "a cell was empty when the file was exported, and the model would learn the word for it"
    example = '{"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "nan"}]}'
    hint = "write what is meant, or delete the row; fill empty cells before the export"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            content = message.content
            if not isinstance(content, str) or len(content) > 20 or message.role == "tool":
                continue
            nulls = SPREADSHEET_NULLS if message.role == "assistant" else WORD_NULLS
            if content.strip().lower() in nulls:
                text = f"message {message.position} says nothing but {quote(content.strip())}"
                yield self.finding(subject.line, text, at=message.position, text=content)


def _is_blank(message: RawMessage) -> bool:
    """Whether there is content and nothing in it; null, and parts other than text, have their own rules."""
    if isinstance(message.content, list):
        return all(is_text_part(part) for part in message.parts) and not message.text.strip()
    return isinstance(message.content, str) and not message.content.strip()


def _calls_something(message: RawMessage) -> bool:
    return bool(message.fields.get("tool_calls") or message.fields.get("function_call"))
