"""LD3xx: what a message says, and whether it is text at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.data.formats.openai_chat import RawMessage, Row, is_text_part
from luthier.data.lint.rule import Rule, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding


class WrongContentType(Rule[Row]):
    """Content that is neither text nor a list of parts."""

    code = "LD301"
    name = "wrong-content-type"
    why = "a model reads and writes text; anything else needs a decision about how it is written"
    example = '{"messages": [{"role": "user", "content": {"order": 7}}]}'
    hint = "write the content as text; an object becomes text when you dump it as JSON"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            if not isinstance(message.content, str | list | None):
                text = f"the content of message {message.position} is {quote(message.content)}, not text"
                yield self.finding(subject.line, text)


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
                yield self.finding(subject.line, f"message {message.position} has no content")


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
                yield self.finding(subject.line, f"the answer in message {message.position} is empty")


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
                    yield self.finding(subject.line, text)


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
                yield self.finding(subject.line, f"message {message.position} is from user and empty")


def _is_blank(message: RawMessage) -> bool:
    """Whether there is content and nothing in it; null, and parts other than text, have their own rules."""
    if isinstance(message.content, list):
        return all(is_text_part(part) for part in message.parts) and not message.text.strip()
    return isinstance(message.content, str) and not message.content.strip()


def _calls_something(message: RawMessage) -> bool:
    return bool(message.fields.get("tool_calls") or message.fields.get("function_call"))
