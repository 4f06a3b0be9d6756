"""LD25x and LD26x: calls of tools, and the answers to them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from luthier.data.formats.openai_chat import Row, is_tool, is_tool_call
from luthier.data.lint.amendment import amend_arguments, amend_conversations
from luthier.data.lint.call_repair import name_answered_calls, repair_calls, write_arguments
from luthier.data.lint.rule import Rule, quote
from luthier.data.profile import holds_json
from luthier.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

    Fields = dict[str, Any]

CALL = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
ASK = {"role": "user", "content": "What time is it?"}
TELL = {"role": "assistant", "content": "Noon."}

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What the OpenAI API accepts as the name of a function."""


def write_row(*messages: object, **fields: object) -> str:
    return json.dumps({"messages": list(messages), **fields})


class MalformedCall(Rule[Row]):
    """A tool call without id, name or arguments, or on a message that is not the assistant's."""

    code = "LD251"
    name = "malformed-call"
    why = "the model would learn a call that no program can carry out"
    example = write_row(ASK, {"role": "assistant", "tool_calls": [{"name": "now", "arguments": {}}]})
    hint = f"write tool_calls as [{json.dumps(CALL)}]"
    fix = "puts a call into this form where only one reading is possible, as with arguments given as an object"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            calls = message.fields.get("tool_calls")
            if not calls and (calls is None or calls == []):
                continue
            text = ""
            bad: list[Any] = [calls]
            if message.role != "assistant":
                text = f"message {message.position} has tool_calls but is not from assistant"
            elif not isinstance(calls, list):
                text = f"tool_calls of message {message.position} is not a list"
            else:
                numbers = [str(number) for number, call in enumerate(calls, 1) if not is_tool_call(call)]
                bad = [call for call in calls if not is_tool_call(call)]
                text = f"tool call {', '.join(numbers)} of message {message.position} is malformed" if numbers else ""
            if text:
                yield self.finding(subject.line, text, at=message.position, text=str(bad[0]))

    def mend(self, row: Fields) -> Fields:
        return amend_conversations(row, repair_calls)


class ArgumentsNotJson(Rule[Row]):
    """A tool call whose arguments are not the text of a JSON object."""

    code = "LD252"
    name = "arguments-not-json"
    why = "the model would learn to write arguments that cannot be parsed"
    example = write_row(
        ASK, {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "a", "arguments": ""}}]}
    )
    hint = 'write the arguments as JSON text, such as "{}"'
    fix = "writes {} for nothing, and a Python dict or an object in quotes as the JSON that it means"

    def check(self, subject: Row) -> Iterator[Finding]:
        for passage in subject.passages:
            if passage.is_arguments and not (holds_json(passage.text) and passage.text.lstrip().startswith("{")):
                text = f"message {passage.position} calls a tool with {quote(passage.text)}, not a JSON object"
                yield self.finding(subject.line, text, at=passage.position, text=passage.text)

    def mend(self, row: Fields) -> Fields:
        return amend_arguments(row, write_arguments)


class MissingCallId(Rule[Row]):
    """A tool's answer that does not say which call it answers."""

    code = "LD253"
    name = "missing-call-id"
    why = "without tool_call_id nobody knows which call is answered"
    example = write_row(ASK, {"role": "tool", "content": "12:00"}, TELL)
    hint = "give the tool message the id of its call as tool_call_id"
    fix = "fills in the id where one result directly follows one call"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            call_id = message.fields.get("tool_call_id")
            if message.role == "tool" and not isinstance(call_id, str):
                text = f"message {message.position} is from tool, without a tool_call_id"
                yield self.finding(subject.line, text, at=message.position, text=message.text)
            elif message.role != "tool" and call_id is not None:
                text = f"message {message.position} has a tool_call_id but is not from tool"
                yield self.finding(subject.line, text, at=message.position, text=str(call_id))

    def mend(self, row: Fields) -> Fields:
        return amend_conversations(row, name_answered_calls)


class UnansweredCall(Rule[Row]):
    """A tool call whose result does not follow before the conversation goes on."""

    code = "LD254"
    name = "unanswered-call"
    why = "the model would learn to go on without waiting for the result"
    example = write_row(ASK, {"role": "assistant", "tool_calls": [CALL]}, TELL)
    hint = "add the tool message with the result, or end the row with the call"

    def check(self, subject: Row) -> Iterator[Finding]:
        if not subject.uses_tools:
            return
        pending: dict[str, int] = {}
        for message in subject.messages:
            if message.role == "tool":
                pending.pop(str(message.fields.get("tool_call_id")), None)
                continue
            for call_id, position in pending.items():
                text = f"the tool call {quote(call_id)} of message {position} is never answered"
                yield self.finding(subject.line, text, at=position, text=call_id)
            pending = {call["id"]: message.position for call in message.calls}


class AnswerWithoutCall(Rule[Row]):
    """A tool's answer to a call that was not made before it."""

    code = "LD255"
    name = "answer-without-call"
    why = "the model would learn to see results that it never asked for"
    example = write_row(ASK, {"role": "tool", "tool_call_id": "c9", "content": "12:00"}, TELL)
    hint = "add the assistant message with the call, or correct the tool_call_id"

    def check(self, subject: Row) -> Iterator[Finding]:
        if not subject.uses_tools:
            return
        called: set[str] = set()
        for message in subject.messages:
            called.update(call["id"] for call in message.calls)
            call_id = message.fields.get("tool_call_id")
            if message.role == "tool" and isinstance(call_id, str) and call_id not in called:
                text = f"message {message.position} answers the tool call {quote(call_id)}, which was not made"
                hint = did_you_mean(call_id, called) if called else ""
                yield self.finding(subject.line, text, at=message.position, text=message.text, hint=hint)


class UndeclaredTool(Rule[Row]):
    """A call of a tool that the row does not list under tools."""

    code = "LD257"
    name = "undeclared-tool"
    severity = "warning"
    why = "the model would learn to call tools that it was not offered"
    example = write_row(ASK, {"role": "assistant", "tool_calls": [CALL]})
    hint = "list the tool under tools"

    def check(self, subject: Row) -> Iterator[Finding]:
        if not subject.uses_tools:
            return
        called = {call["function"]["name"]: message for message in subject.messages for call in message.calls}
        tools = subject.fields.get("tools")
        listed = tools if isinstance(tools, list) else []
        declared = {tool["function"]["name"] for tool in listed if is_tool(tool)}
        for name in sorted(called.keys() - declared):
            hint = did_you_mean(name, declared) if declared else ""
            text = f"the tool {quote(name)} is called but not listed"
            yield self.finding(subject.line, text, at=called[name].position, text=name, hint=hint)


class RepeatedCallId(Rule[Row]):
    """Two calls of a message with the same id."""

    code = "LD260"
    name = "repeated-call-id"
    why = "nobody can tell which of them a result belongs to"
    example = write_row(ASK, {"role": "assistant", "tool_calls": [CALL, CALL]})
    hint = "give each call of a message an id of its own"

    def check(self, subject: Row) -> Iterator[Finding]:
        if not subject.uses_tools:
            return
        for message in subject.messages:
            ids = [call["id"] for call in message.calls]
            for call_id in dict.fromkeys(ids) if len(ids) > 1 else ():
                count = ids.count(call_id)
                if count > 1:
                    text = f"{count} tool calls of message {message.position} have the id {quote(call_id)}"
                    yield self.finding(subject.line, text, at=message.position, text=call_id)


class UnusableToolName(Rule[Row]):
    """A tool whose name has other signs than letters, digits, _ and -, or is too long."""

    code = "LD261"
    name = "unusable-tool-name"
    severity = "warning"
    why = "OpenAI refuses such a name, and so do many programs that serve a model"
    example = write_row(ASK, TELL, tools=[{"type": "function", "function": {"name": "get time"}}])
    hint = "use letters, digits, _ and -, at most 64 of them"

    def check(self, subject: Row) -> Iterator[Finding]:
        if not subject.uses_tools and not subject.fields.get("tools"):
            return
        tools = subject.fields.get("tools")
        listed = tools if isinstance(tools, list) else []
        names = {tool["function"]["name"]: None for tool in listed if is_tool(tool)}
        names |= {call["function"]["name"]: m.position for m in subject.messages for call in m.calls}
        for name, position in names.items():
            if not TOOL_NAME.fullmatch(name):
                yield self.finding(subject.line, f"a tool has the unusable name {quote(name)}", at=position, text=name)


class ForbiddenParallelCalls(Rule[Row]):
    """Several calls in a message of a row that forbids parallel calls."""

    code = "LD264"
    name = "forbidden-parallel-calls"
    severity = "warning"
    why = "the row would teach the opposite of what it asks for"
    example = write_row(
        ASK, {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "c2"}]}, parallel_tool_calls=False
    )
    hint = "leave parallel_tool_calls out, or make one call after the other"

    def check(self, subject: Row) -> Iterator[Finding]:
        if subject.fields.get("parallel_tool_calls") is not False:
            return
        for message in subject.messages:
            if len(message.calls) > 1:
                text = (
                    f"message {message.position} makes {len(message.calls)} calls although parallel_tool_calls is false"
                )
                yield self.finding(subject.line, text, at=message.position)


class CallAnsweredTwice(Rule[Row]):
    """Two results for the same call."""

    code = "LD266"
    name = "call-answered-twice"
    severity = "warning"
    why = "a call has one result; the second one probably belongs to another call"
    example = write_row(
        ASK,
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "12:00"},
        {"role": "tool", "tool_call_id": "c1", "content": "13:00"},
        TELL,
    )
    hint = "delete one of the results, or correct its tool_call_id"

    def check(self, subject: Row) -> Iterator[Finding]:
        if not subject.uses_tools:
            return
        answered: set[str] = set()
        for message in subject.messages:
            if message.role != "tool":
                answered = answered - {call["id"] for call in message.calls}
                continue
            call_id = message.fields.get("tool_call_id")
            if isinstance(call_id, str) and call_id in answered:
                text = f"message {message.position} answers the tool call {quote(call_id)} a second time"
                yield self.finding(subject.line, text, at=message.position, text=message.text)
            answered.add(str(call_id))
