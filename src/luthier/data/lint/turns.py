"""LD20x and LD21x: in which order the speakers of a row take turns."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from luthier.data.formats.openai_chat import Row
from luthier.data.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

INSTRUCTING = ("system", "developer")
"""Roles that say how to answer; the second is what newer models call the first."""


class LastNotAssistant(Rule[Row]):
    """A row that does not end with the assistant."""

    code = "LD207"
    name = "last-not-assistant"
    needs_answer = True
    why = "the last message is the answer that the row teaches"
    example = '{"messages": [{"role": "user", "content": "hello"}]}'
    hint = "end each example with an assistant message"

    def check(self, subject: Row) -> Iterator[Finding]:
        if not subject.has_known_roles:
            return
        last = subject.messages[-1]
        if last.role != "assistant":
            yield self.finding(subject.line, f"the last message is from {last.role}", at=last.position, text=last.text)


class NoUser(Rule[Row]):
    """A row in which nobody asks."""

    code = "LD208"
    name = "no-user"
    why = "many chat templates refuse it, and a model in use is always asked something"
    example = '{"messages": [{"role": "assistant", "content": "hello"}]}'
    hint = "add the user message that the assistant answers"

    def check(self, subject: Row) -> Iterator[Finding]:
        if subject.has_known_roles and all(message.role != "user" for message in subject.messages):
            yield self.finding(subject.line, "no message is from user")


class ConsecutiveUsers(Rule[Row]):
    """Two user messages with no answer between them."""

    code = "LD209"
    name = "consecutive-users"
    severity = "warning"
    why = "some chat templates insist that user and assistant take turns"
    example = '{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}'
    hint = "join the two, or put the missing answer between them"

    def check(self, subject: Row) -> Iterator[Finding]:
        for first, second in pairwise(subject.messages):
            if first.role == second.role == "user":
                text = f"messages {first.position} and {second.position} are both from user"
                yield self.finding(subject.line, text, at=second.position, text=second.text)


class LateSystem(Rule[Row]):
    """A system or developer message after the conversation has begun."""

    code = "LD213"
    name = "late-system"
    severity = "warning"
    why = "most chat templates refuse it or move it to the front, where it says something else"
    example = (
        '{"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "Be brief."}, '
        '{"role": "assistant", "content": "b"}]}'
    )
    hint = "put the instruction first, or write it into a user message"

    def check(self, subject: Row) -> Iterator[Finding]:
        has_begun = False
        for message in subject.messages:
            if message.role not in INSTRUCTING:
                has_begun = True
            elif has_begun:
                text = f"message {message.position} is from {message.role} and comes after the conversation has begun"
                yield self.finding(subject.line, text, at=message.position, text=message.text)


class SeveralSystems(Rule[Row]):
    """More than one system or developer message before the conversation begins."""

    code = "LD214"
    name = "several-systems"
    severity = "warning"
    why = "many chat templates print the first alone and drop the others without a word"
    example = (
        '{"messages": [{"role": "system", "content": "Be brief."}, {"role": "system", "content": "Be kind."}, '
        '{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}'
    )
    hint = "join them into one message"

    def check(self, subject: Row) -> Iterator[Finding]:
        for first, second in pairwise(subject.messages):
            if first.role not in INSTRUCTING or second.role not in INSTRUCTING:
                return
            text = f"messages {first.position} and {second.position} are both instructions"
            yield self.finding(subject.line, text, at=second.position, text=second.text)


class ConsecutiveAssistants(Rule[Row]):
    """Two answers with no question between them."""

    code = "LD215"
    name = "consecutive-assistants"
    severity = "warning"
    why = "some chat templates insist that user and assistant take turns; the model would learn to go on after its end"
    example = (
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, '
        '{"role": "assistant", "content": "c"}]}'
    )
    hint = "join the two, or put the missing question between them"

    def check(self, subject: Row) -> Iterator[Finding]:
        for first, second in pairwise(subject.messages):
            if first.role == second.role == "assistant" and not first.fields.get("tool_calls"):
                text = f"messages {first.position} and {second.position} are both from assistant"
                yield self.finding(subject.line, text, at=second.position, text=second.text)


class AssistantFirst(Rule[Row]):
    """A conversation that the assistant opens."""

    code = "LD216"
    name = "assistant-first"
    severity = "warning"
    why = "several chat templates refuse a conversation that does not begin with user, others drop the greeting"
    example = (
        '{"messages": [{"role": "assistant", "content": "Hi!"}, {"role": "user", "content": "a"}, '
        '{"role": "assistant", "content": "b"}]}'
    )
    hint = "delete the greeting, or move it into the system message"

    def check(self, subject: Row) -> Iterator[Finding]:
        first = next((message for message in subject.messages if message.role not in INSTRUCTING), None)
        has_user = any(message.role == "user" for message in subject.messages)
        if first is not None and first.role == "assistant" and has_user:
            text = f"message {first.position} is from assistant, before any question"
            yield self.finding(subject.line, text, at=first.position, text=first.text)
