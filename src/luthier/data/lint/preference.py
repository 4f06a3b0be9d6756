"""LD22x: rows of preferences as they stand; each of their two conversations has to keep the other rules too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from luthier.conversation import canonical_json
from luthier.data.formats.openai_chat import ROLES, Row
from luthier.data.formats.openai_preference import OUTPUTS, PREFERENCE_KEYS
from luthier.data.lint.amendment import move_to_metadata
from luthier.data.lint.rule import Rule, quote
from luthier.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

    Fields = dict[str, Any]

ASK = {"role": "user", "content": "Is it raining?"}
YES, NO = {"role": "assistant", "content": "Yes, it is."}, {"role": "assistant", "content": "Dunno."}
KNOWN_KEYS = PREFERENCE_KEYS | {"metadata"}


def write_pair(**fields: object) -> str:
    sound = {"input": {"messages": [ASK]}, "preferred_output": [YES], "non_preferred_output": [NO]}
    return json.dumps({key: value for key, value in {**sound, **fields}.items() if value is not None})


class MissingInput(Rule[Row]):
    """A preference without input, or with one that is not an object."""

    code = "LD220"
    name = "missing-input"
    why = "the input holds the prompt that both outputs answer"
    example = write_pair(input=None)
    hint = 'write {"input": {"messages": [{"role": "user", "content": "..."}]}, "preferred_output": [...], ...}'

    def check(self, subject: Row) -> Iterator[Finding]:
        given = subject.fields.get("input")
        if given is None:
            yield self.finding(subject.line, "the row has no input")
        elif not isinstance(given, dict):
            yield self.finding(subject.line, f"input is {quote(given)}, not an object", text=canonical_json(given))


class InputWithoutMessages(Rule[Row]):
    """A preference whose input has no messages."""

    code = "LD221"
    name = "input-without-messages"
    why = "without a prompt there is nothing to answer, well or badly"
    example = write_pair(input={"messages": []})
    hint = 'write the prompt as {"messages": [{"role": "user", "content": "..."}]}'

    def check(self, subject: Row) -> Iterator[Finding]:
        given = subject.fields.get("input")
        if not isinstance(given, dict):
            return
        messages = given.get("messages")
        if not isinstance(messages, list):
            what = "has no messages" if messages is None else "has messages that are not a list"
            yield self.finding(subject.line, f"input {what}", text=canonical_json(messages) if messages else "")
        elif not messages:
            yield self.finding(subject.line, "the messages of input are empty")


class WrongOutput(Rule[Row]):
    """An output of a preference that is not a list of exactly one assistant message."""

    code = "LD222"
    name = "wrong-output"
    why = "two whole answers are compared, so each side has to be one"
    example = write_pair(preferred_output=[ASK])
    hint = 'write each output as [{"role": "assistant", "content": "..."}]'
    fix = "puts a single message, or a text, into that form, and adds a role that is missing; other outputs stay"

    def check(self, subject: Row) -> Iterator[Finding]:
        for key in OUTPUTS:
            output = subject.fields.get(key)
            if output is None:
                yield self.finding(subject.line, f"the row has no {key}")
            elif not isinstance(output, list):
                text = f"{key} is {quote(output)}, not a list of one message"
                yield self.finding(subject.line, text, text=canonical_json(output))
            elif len(output) != 1:
                yield self.finding(subject.line, f"{key} has {len(output)} messages, not one")
            elif not isinstance(output[0], dict):
                text = f"{key} holds {quote(output[0])}, not a message"
                yield self.finding(subject.line, text, text=canonical_json(output[0]))
            elif output[0].get("role") != "assistant":
                text = f"the message of {key} is from {quote(output[0].get('role'))}, not from assistant"
                yield self.finding(subject.line, text, text=canonical_json(output[0]))

    def mend(self, row: Fields) -> Fields:
        return {key: _write_output(value) if key in OUTPUTS else value for key, value in row.items()}


class SameOutputs(Rule[Row]):
    """A preference whose two outputs are the same."""

    code = "LD223"
    name = "same-outputs"
    why = "a preference for a thing over itself has no gradient: the row costs time and teaches nothing"
    example = write_pair(non_preferred_output=[YES])
    hint = "write another answer on one side, or delete the row"

    def check(self, subject: Row) -> Iterator[Finding]:
        preferred, rejected = (subject.fields.get(key) for key in OUTPUTS)
        if isinstance(preferred, list) and preferred and preferred == rejected:
            yield self.finding(subject.line, "both outputs are the same", text=canonical_json(preferred[0]))


class InputEndsWithAnswer(Rule[Row]):
    """A preference whose input ends with an answer, or with an instruction, instead of a question."""

    code = "LD224"
    name = "input-ends-with-answer"
    why = "the outputs answer the last message of the input; an answer there leaves them nothing to answer"
    example = write_pair(input={"messages": [ASK, YES]})
    hint = "end the input with the user's message, or with the result of a tool"

    def check(self, subject: Row) -> Iterator[Finding]:
        given = subject.fields.get("input")
        messages = given.get("messages") if isinstance(given, dict) else None
        last = messages[-1] if isinstance(messages, list) and messages else None
        if isinstance(last, dict) and last.get("role") in ROLES and last["role"] not in ("user", "tool"):
            text = f"the last message of input is from {last['role']}"
            yield self.finding(subject.line, text, at=len(messages or ()), text=str(last.get("content") or ""))


class UnknownPairKey(Rule[Row]):
    """A key of a preference that means nothing to training."""

    code = "LD225"
    name = "unknown-pair-key"
    why = "it would be ignored, and so would what you meant by it; OpenAI refuses the file too"
    example = write_pair(score=4)
    hint = f"the keys of a preference are {', '.join(sorted(KNOWN_KEYS))}"
    fix = "moves the key to metadata, or drops it when it holds nothing; one that looks misspelt stays"

    def check(self, subject: Row) -> Iterator[Finding]:
        for key in sorted(subject.fields.keys() - KNOWN_KEYS):
            hint = did_you_mean(key, KNOWN_KEYS)
            yield self.finding(subject.line, f"the row has the unknown key {quote(key)}", text=key, hint=hint)

    def mend(self, row: Fields) -> Fields:
        return move_to_metadata(row, known=KNOWN_KEYS)


class OutputsBarelyDiffer(Rule[Row]):
    """A preference whose two outputs say the same in different spacing or case."""

    code = "LD226"
    name = "outputs-barely-differ"
    severity = "warning"
    why = "the model would learn to care about spaces and capitals more than about what is said"
    example = write_pair(non_preferred_output=[{"role": "assistant", "content": "yes,  it is."}])
    hint = "delete the row, unless spacing or case is what it is about"

    def check(self, subject: Row) -> Iterator[Finding]:
        preferred, rejected = (_read_output(subject.fields.get(key)) for key in OUTPUTS)
        if preferred is None or rejected is None or preferred == rejected:
            return
        if " ".join(preferred.casefold().split()) == " ".join(rejected.casefold().split()):
            yield self.finding(subject.line, "the outputs differ in spacing or case alone", text=preferred)


def _write_output(output: Any) -> Any:
    listed = output if isinstance(output, list) else [output]
    if len(listed) != 1:
        return output
    if isinstance(listed[0], str) and listed[0].strip():
        return [{"role": "assistant", "content": listed[0]}]
    return [{"role": "assistant", **listed[0]}] if isinstance(listed[0], dict) else output


def _read_output(output: Any) -> str | None:
    """The content of an output in words alone; None for any other."""
    message = output[0] if isinstance(output, list) and len(output) == 1 else None
    is_words = isinstance(message, dict) and not message.get("tool_calls")
    content = message.get("content") if is_words and isinstance(message, dict) else None
    return content if isinstance(content, str) else None
