"""LD20x and LD21x: who speaks in a row, in which order, and which of it is learned."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from luthier.data.formats.openai_chat import EMPTY_MESSAGE_KEYS, MESSAGE_KEYS, ROLES, ROW_KEYS, Row
from luthier.data.lint.rule import Rule, quote
from luthier.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

ROLE_ALIASES = {
    "human": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "ai": "assistant",
}

OTHER_FORMATS = {
    "prompt": "prompt and completion",
    "preferred_output": "preferences (DPO)",
    "conversations": "ShareGPT",
    "instruction": "Alpaca",
}
"""A key that gives another format away, with what that format is called."""


class MissingMessages(Rule[Row]):
    """A row without a list of messages, or with an empty one."""

    code = "LD201"
    name = "missing-messages"
    why = "messages is what a row teaches"
    example = '{"messages": []}'
    hint = 'write {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}'

    def check(self, subject: Row) -> Iterator[Finding]:
        messages = subject.fields.get("messages")
        if isinstance(messages, list) and messages:
            return
        if "messages" in subject.fields:
            empty = messages == []
            yield self.finding(subject.line, "messages is empty" if empty else "messages is not a list")
            return
        names = [name for key, name in OTHER_FORMATS.items() if key in subject.fields]
        hint = f"this looks like the format {names[0]}; {self.hint}" if names else ""
        yield self.finding(subject.line, "the row has no messages", hint=hint)


class MessageNotObject(Rule[Row]):
    """An entry of messages that is not an object."""

    code = "LD202"
    name = "message-not-object"
    why = "a message needs a role and a content"
    example = '{"messages": ["hello"]}'
    hint = 'write {"role": "user", "content": "..."}'

    def check(self, subject: Row) -> Iterator[Finding]:
        messages = subject.fields.get("messages")
        for position, message in enumerate(messages if isinstance(messages, list) else (), 1):
            if not isinstance(message, dict):
                yield self.finding(subject.line, f"message {position} is {quote(message)}, not an object")


class MissingRole(Rule[Row]):
    """A message that does not say who speaks."""

    code = "LD203"
    name = "missing-role"
    why = "the chat template needs to know who speaks, and only the assistant's words are learned"
    example = '{"messages": [{"content": "hello"}]}'
    hint = f"give the message a role: {', '.join(ROLES)}"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            if message.role is None:
                yield self.finding(subject.line, f"message {message.position} has no role")


class UnknownRole(Rule[Row]):
    """A role that does not exist, or is written in another case."""

    code = "LD204"
    name = "unknown-role"
    why = "no chat template knows it, so the message would be dropped or refused"
    example = '{"messages": [{"role": "User", "content": "hello"}]}'
    hint = f"the roles are {', '.join(ROLES)}"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            role = message.role
            if role is None or role in ROLES or role == "function":
                continue
            message_text = f"message {message.position} has the unknown role {quote(role)}"
            yield self.finding(subject.line, message_text, hint=self._suggest(role))

    def _suggest(self, role: object) -> str:
        if not isinstance(role, str):
            return self.hint
        lower = role.strip().lower()
        return did_you_mean(ROLE_ALIASES.get(lower, lower), ROLES)


class UnknownRowKey(Rule[Row]):
    """A key beside messages that means nothing to training."""

    code = "LD205"
    name = "unknown-row-key"
    needs_answer = True
    why = "it would be ignored, and so would what you meant by it; OpenAI refuses the file too"
    example = '{"messages": [{"role": "user", "content": "hello"}], "weight": 1}'
    hint = f"the keys of a row are {', '.join(sorted(ROW_KEYS))}"

    def check(self, subject: Row) -> Iterator[Finding]:
        if "messages" not in subject.fields:
            return
        for key in sorted(subject.fields.keys() - ROW_KEYS - {"functions"}):
            hint = "weight belongs on an assistant message" if key == "weight" else did_you_mean(key, ROW_KEYS)
            yield self.finding(subject.line, f"the row has the unknown key {quote(key)}", hint=hint)


class UnknownMessageKey(Rule[Row]):
    """A key of a message that means nothing to training."""

    code = "LD206"
    name = "unknown-message-key"
    why = "it would be ignored, and so would what you meant by it; OpenAI refuses the file too"
    example = '{"messages": [{"role": "user", "content": "hello", "text": "hello"}]}'
    hint = f"the keys of a message are {', '.join(sorted(MESSAGE_KEYS))}"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            for key in sorted(message.fields.keys() - MESSAGE_KEYS - {"function_call"}):
                if key in EMPTY_MESSAGE_KEYS and not message.fields[key]:
                    continue
                text = f"message {message.position} has the unknown key {quote(key)}"
                yield self.finding(subject.line, text, hint=did_you_mean(key, MESSAGE_KEYS))


class LastNotAssistant(Rule[Row]):
    """A row that does not end with the assistant."""

    code = "LD207"
    name = "last-not-assistant"
    needs_answer = True
    why = "the last message is the answer that the row teaches"
    example = '{"messages": [{"role": "user", "content": "hello"}]}'
    hint = "end each example with an assistant message"

    def check(self, subject: Row) -> Iterator[Finding]:
        if subject.has_known_roles and subject.messages[-1].role != "assistant":
            yield self.finding(subject.line, f"the last message is from {subject.messages[-1].role}")


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
                yield self.finding(subject.line, text)


class MisplacedWeight(Rule[Row]):
    """A weight that is neither 0 nor 1, or not on an assistant message."""

    code = "LD210"
    name = "misplaced-weight"
    why = "weight says whether an answer is learned; only answers are, and only whole ones"
    example = '{"messages": [{"role": "user", "content": "hello", "weight": 1}]}'
    hint = "put weight 0 (do not learn this answer) or 1 on an assistant message, or leave it out"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            weight = message.fields.get("weight")
            if weight is None:
                continue
            if message.role != "assistant":
                yield self.finding(subject.line, f"message {message.position} has a weight but is not an answer")
            elif type(weight) is not int or weight not in (0, 1):
                yield self.finding(subject.line, f"message {message.position} has the weight {quote(weight)}")


class NothingTrained(Rule[Row]):
    """A row whose answers all have the weight 0."""

    code = "LD211"
    name = "nothing-trained"
    needs_answer = True
    why = "the row would cost time in every epoch and teach nothing"
    example = '{"messages": [{"role": "assistant", "content": "hello", "weight": 0}]}'
    hint = "give one answer the weight 1, or delete the row"

    def check(self, subject: Row) -> Iterator[Finding]:
        weights = [message.fields.get("weight") for message in subject.messages if message.role == "assistant"]
        if weights and all(weight == 0 for weight in weights):
            yield self.finding(subject.line, "every answer has the weight 0, so nothing is learned")


class NameNotText(Rule[Row]):
    """A name that is not text."""

    code = "LD212"
    name = "name-not-text"
    why = "chat templates print the name, and print nonsense for anything else"
    example = '{"messages": [{"role": "user", "content": "hello", "name": 7}]}'
    hint = "write the name in quotes, or leave it out"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            name = message.fields.get("name")
            if name is not None and not isinstance(name, str):
                yield self.finding(subject.line, f"message {message.position} has the name {quote(name)}")
