"""LD25x: calls of tools, their answers, and the list that declares them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from luthier.data.formats.openai_chat import Row, is_tool, is_tool_call
from luthier.data.lint.rule import Rule, quote
from luthier.data.profile import holds_json
from luthier.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

CALL = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
ASK = {"role": "user", "content": "What time is it?"}
TELL = {"role": "assistant", "content": "Noon."}


def _row(*messages: object, **fields: object) -> str:
    return json.dumps({"messages": list(messages), **fields})


class MalformedCall(Rule[Row]):
    """A tool call without id, name or arguments, or on a message that is not the assistant's."""

    code = "LD251"
    name = "malformed-call"
    why = "the model would learn a call that no program can carry out"
    example = _row(ASK, {"role": "assistant", "tool_calls": [{"name": "now", "arguments": {}}]})
    hint = f"write tool_calls as [{json.dumps(CALL)}]"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            calls = message.fields.get("tool_calls")
            if not calls and (calls is None or calls == []):
                continue
            if message.role != "assistant":
                text = f"message {message.position} has tool_calls but is not from assistant"
                yield self.finding(subject.line, text)
            elif not isinstance(calls, list):
                text = f"tool_calls of message {message.position} is not a list"
                yield self.finding(subject.line, text)
            else:
                bad = [str(number) for number, call in enumerate(calls, 1) if not is_tool_call(call)]
                if bad:
                    text = f"tool call {', '.join(bad)} of message {message.position} is malformed"
                    yield self.finding(subject.line, text)


class ArgumentsNotJson(Rule[Row]):
    """A tool call whose arguments are not the text of a JSON object."""

    code = "LD252"
    name = "arguments-not-json"
    why = "the model would learn to write arguments that cannot be parsed"
    example = _row(ASK, {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "a", "arguments": ""}}]})
    hint = 'write the arguments as JSON text, such as "{}"'

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            for call in message.calls:
                arguments = call["function"]["arguments"]
                if not (holds_json(arguments) and arguments.lstrip().startswith("{")):
                    text = f"message {message.position} calls a tool with {quote(arguments)}, not a JSON object"
                    yield self.finding(subject.line, text)


class MissingCallId(Rule[Row]):
    """A tool's answer that does not say which call it answers."""

    code = "LD253"
    name = "missing-call-id"
    why = "without tool_call_id nobody knows which call is answered"
    example = _row(ASK, {"role": "tool", "content": "12:00"}, TELL)
    hint = "give the tool message the id of its call as tool_call_id"

    def check(self, subject: Row) -> Iterator[Finding]:
        for message in subject.messages:
            call_id = message.fields.get("tool_call_id")
            if message.role == "tool" and not isinstance(call_id, str):
                yield self.finding(subject.line, f"message {message.position} is from tool, without a tool_call_id")
            elif message.role != "tool" and call_id is not None:
                yield self.finding(subject.line, f"message {message.position} has a tool_call_id but is not from tool")


class UnansweredCall(Rule[Row]):
    """A tool call whose result does not follow before the conversation goes on."""

    code = "LD254"
    name = "unanswered-call"
    why = "the model would learn to go on without waiting for the result"
    example = _row(ASK, {"role": "assistant", "tool_calls": [CALL]}, TELL)
    hint = "add the tool message with the result, or end the row with the call"

    def check(self, subject: Row) -> Iterator[Finding]:
        pending: dict[str, int] = {}
        for message in subject.messages:
            if message.role == "tool":
                pending.pop(str(message.fields.get("tool_call_id")), None)
                continue
            for call_id, position in pending.items():
                text = f"the tool call {quote(call_id)} of message {position} is never answered"
                yield self.finding(subject.line, text)
            pending = {call["id"]: message.position for call in message.calls}


class AnswerWithoutCall(Rule[Row]):
    """A tool's answer to a call that was not made before it."""

    code = "LD255"
    name = "answer-without-call"
    why = "the model would learn to see results that it never asked for"
    example = _row(ASK, {"role": "tool", "tool_call_id": "c9", "content": "12:00"}, TELL)
    hint = "add the assistant message with the call, or correct the tool_call_id"

    def check(self, subject: Row) -> Iterator[Finding]:
        called: set[str] = set()
        for message in subject.messages:
            called.update(call["id"] for call in message.calls)
            call_id = message.fields.get("tool_call_id")
            if message.role == "tool" and isinstance(call_id, str) and call_id not in called:
                text = f"message {message.position} answers the tool call {quote(call_id)}, which was not made"
                yield self.finding(subject.line, text)


class MalformedTools(Rule[Row]):
    """A list of tools that is not a list of functions."""

    code = "LD256"
    name = "malformed-tools"
    why = "the chat template prints the tools into the prompt, and cannot print these"
    example = _row(ASK, TELL, tools=[{"name": "now"}])
    hint = 'write tools as [{"type": "function", "function": {"name": "...", "parameters": {...}}}]'

    def check(self, subject: Row) -> Iterator[Finding]:
        tools = subject.fields.get("tools")
        if tools is not None and not (isinstance(tools, list) and all(is_tool(tool) for tool in tools)):
            yield self.finding(subject.line, "tools is not a list of functions")


class UndeclaredTool(Rule[Row]):
    """A call of a tool that the row does not list under tools."""

    code = "LD257"
    name = "undeclared-tool"
    severity = "warning"
    why = "the model would learn to call tools that it was not offered"
    example = _row(ASK, {"role": "assistant", "tool_calls": [CALL]})
    hint = "list the tool under tools"

    def check(self, subject: Row) -> Iterator[Finding]:
        tools = subject.fields.get("tools")
        listed = tools if isinstance(tools, list) else []
        declared = {tool["function"]["name"] for tool in listed if is_tool(tool)}
        called = {call["function"]["name"] for message in subject.messages for call in message.calls}
        for name in sorted(called - declared):
            hint = did_you_mean(name, declared) if declared else ""
            yield self.finding(subject.line, f"the tool {quote(name)} is called but not listed", hint=hint)


class DeprecatedFunction(Rule[Row]):
    """functions, function_call or the role function, which tools have replaced."""

    code = "LD258"
    name = "deprecated-function"
    why = "chat templates of today know tools only"
    example = _row(ASK, {"role": "assistant", "content": None, "function_call": {"name": "now", "arguments": "{}"}})
    hint = "convert to tools: tool_calls with an id, then a message from tool with that tool_call_id"

    def check(self, subject: Row) -> Iterator[Finding]:
        if subject.fields.get("functions"):
            yield self.finding(subject.line, "functions is deprecated")
        for message in subject.messages:
            if message.fields.get("function_call"):
                yield self.finding(subject.line, f"message {message.position} has the deprecated function_call")
            if message.role == "function":
                yield self.finding(subject.line, f"message {message.position} has the deprecated role function")
