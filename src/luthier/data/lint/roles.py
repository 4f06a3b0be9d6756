"""LD20x and LD21x: whether a row has messages, who speaks in each, and which of it is learned."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from luthier.data.formats.openai_chat import EMPTY_MESSAGE_KEYS, MESSAGE_KEYS, ROLES, ROW_KEYS, Row
from luthier.data.lint.amendment import amend_messages, holds_nothing, move_to_metadata
from luthier.data.lint.rule import Rule, quote
from luthier.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

    Fields = dict[str, Any]

ROLE_ALIASES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "chatbot": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "ai": "assistant",
}
"""What other tools call a role."""

UNUSABLE_IN_NAMES = re.compile(r"[\s<|\\/>]+")
"""What the OpenAI API refuses in the name of a message."""

OTHER_FORMATS = {
    "prompt": "prompt and completion",
    "preferred_output": "preferences (DPO)",
    "conversations": "ShareGPT",
    "instruction": "Alpaca",
}
"""A key that gives another format away, with what that format is called."""


FOR_GRADERS = "rows to reinforce end before the answer; in rows to learn from, put this under metadata"
MISPLACED_KEYS = {
    "weight": "weight belongs on an assistant message",
    **dict.fromkeys(
        ("reference", "reference_answer", "ground_truth", "expected_answer", "target", "item"), FOR_GRADERS
    ),
}
"""Keys that have a meaning elsewhere, with the hint that says where."""


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
                text = f"message {position} is {quote(message)}, not an object"
                yield self.finding(subject.line, text, at=position, text=str(message))


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
                text = f"message {message.position} has no role"
                yield self.finding(subject.line, text, at=message.position, text=message.text)


class UnknownRole(Rule[Row]):
    """A role that does not exist, or is written in another case."""

    code = "LD204"
    name = "unknown-role"
    why = "no chat template knows it, so the message would be dropped or refused"
    example = '{"messages": [{"role": "User", "content": "hello"}]}'
    hint = f"the roles are {', '.join(ROLES)}"
    fix = "writes the role that is meant, as in User, human or gpt; one that nobody knows stays"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            role = message.role
            if role is None or role in ROLES or role == "function":
                continue
            message_text = f"message {message.position} has the unknown role {quote(role)}"
            hint = did_you_mean(_resolve_role(role), ROLES) if isinstance(role, str) else ""
            yield self.finding(subject.line, message_text, at=message.position, text=str(role), hint=hint)

    def mend(self, row: Fields) -> Fields:
        def amend(message: Fields) -> Fields:
            role = message.get("role")
            meant = _resolve_role(role) if isinstance(role, str) else None
            return {**message, "role": meant} if meant in ROLES else message

        return amend_messages(row, amend)


class UnknownRowKey(Rule[Row]):
    """A key beside messages that means nothing to training."""

    code = "LD205"
    name = "unknown-row-key"
    needs_answer = True
    why = "it would be ignored, and so would what you meant by it; OpenAI refuses the file too"
    example = '{"messages": [{"role": "user", "content": "hello"}], "weight": 1}'
    hint = f"the keys of a row are {', '.join(sorted(ROW_KEYS))}"
    fix = "moves the key to metadata, or drops it when it holds nothing; one that looks misspelt stays"

    def check(self, subject: Row) -> Iterator[Finding]:
        if "messages" not in subject.fields:
            return
        for key in sorted(subject.fields.keys() - ROW_KEYS - {"functions"}):
            hint = MISPLACED_KEYS.get(key) or did_you_mean(key, ROW_KEYS)
            yield self.finding(subject.line, f"the row has the unknown key {quote(key)}", text=key, hint=hint)

    def mend(self, row: Fields) -> Fields:
        mended = move_to_metadata(row, known=ROW_KEYS | {"functions", "weight"}) if "messages" in row else row
        prompt = row.get("input")
        if isinstance(prompt, dict):
            kept = {key: value for key, value in prompt.items() if key in ROW_KEYS or not holds_nothing(value)}
            mended = {**mended, "input": kept}
        return mended


class UnknownMessageKey(Rule[Row]):
    """A key of a message that means nothing to training."""

    code = "LD206"
    name = "unknown-message-key"
    why = "it would be ignored, and so would what you meant by it; OpenAI refuses the file too"
    example = '{"messages": [{"role": "user", "content": "hello", "text": "hello"}]}'
    hint = f"the keys of a message are {', '.join(sorted(MESSAGE_KEYS))}"
    fix = "drops the key when it holds nothing"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            if message.fields.keys() <= MESSAGE_KEYS:
                continue
            for key in sorted(message.fields.keys() - MESSAGE_KEYS - {"function_call"}):
                if key in EMPTY_MESSAGE_KEYS and not message.fields[key]:
                    continue
                text = f"message {message.position} has the unknown key {quote(key)}"
                hint = did_you_mean(key, MESSAGE_KEYS)
                yield self.finding(subject.line, text, at=message.position, text=key, hint=hint)

    def mend(self, row: Fields) -> Fields:
        kept = MESSAGE_KEYS | EMPTY_MESSAGE_KEYS

        def amend(message: Fields) -> Fields:
            return {key: value for key, value in message.items() if key in kept or not holds_nothing(value)}

        return amend_messages(row, amend)


class MisplacedWeight(Rule[Row]):
    """A weight that is neither 0 nor 1, or not on an assistant message."""

    code = "LD210"
    name = "misplaced-weight"
    why = "weight says whether an answer is learned; only answers are, and only whole ones"
    example = '{"messages": [{"role": "user", "content": "hello", "weight": 1}]}'
    hint = "put weight 0 (do not learn this answer) or 1 on an assistant message, or leave it out"
    fix = 'drops the weight of a message that is not an answer, and writes 1.0, true or "1" as 1; 0.5 stays'

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            weight = message.fields.get("weight")
            if weight is None:
                continue
            if message.role != "assistant":
                text = f"message {message.position} has a weight but is not an answer"
                yield self.finding(subject.line, text, at=message.position, text=str(weight))
            elif type(weight) is not int or weight not in (0, 1):
                text = f"message {message.position} has the weight {quote(weight)}"
                yield self.finding(subject.line, text, at=message.position, text=str(weight))

    def mend(self, row: Fields) -> Fields:
        def amend(message: Fields) -> Fields:
            if message.get("role") != "assistant":
                return {key: value for key, value in message.items() if key != "weight"}
            weight = message.get("weight")
            spelt = weight.strip() if isinstance(weight, str) else weight
            whole = next((number for number in (0, 1) if spelt == number or spelt == str(number)), None)
            return message if whole is None else {**message, "weight": whole}

        return amend_messages(row, amend)


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
                text = f"message {message.position} has the name {quote(name)}"
                yield self.finding(subject.line, text, at=message.position, text=str(name))


class UnusableName(Rule[Row]):
    """A name with white space or one of the signs < | \\ / > in it."""

    code = "LD217"
    name = "unusable-name"
    severity = "warning"
    why = "OpenAI refuses such names, and in a chat template they can be mistaken for control tokens"
    example = '{"messages": [{"role": "user", "content": "hello", "name": "Zoe Smith"}]}'
    hint = "write the name without white space and without < | \\ / >, such as Zoe_Smith"
    fix = "writes _ for what a name cannot hold"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            name = message.fields.get("name")
            if isinstance(name, str) and UNUSABLE_IN_NAMES.search(name):
                text = f"message {message.position} has the unusable name {quote(name)}"
                yield self.finding(subject.line, text, at=message.position, text=name)

    def mend(self, row: Fields) -> Fields:
        def amend(message: Fields) -> Fields:
            name = message.get("name")
            return {**message, "name": UNUSABLE_IN_NAMES.sub("_", name)} if isinstance(name, str) else message

        return amend_messages(row, amend)


def _resolve_role(role: str) -> str:
    """What is meant by a role that other tools use, or that is in another case."""
    spelt = role.strip().lower()
    return ROLE_ALIASES.get(spelt, spelt)
