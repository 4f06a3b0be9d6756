"""LD25x and LD26x: the list of tools that a row declares, and whether its calls fit the schemas given there."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from luthier.data.formats.openai_chat import Row, is_tool
from luthier.data.lint.amendment import amend_conversations, amend_tools
from luthier.data.lint.call_repair import repair_tools, replace_functions
from luthier.data.lint.rule import Rule, quote
from luthier.data.lint.tools import ASK, CALL, TELL, write_row
from luthier.data.tool_schemas import rename_types, study_tools
from luthier.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

    Fields = dict[str, Any]

NOW = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
WORST = 3
"""Misfits of one call that are worth a finding each; the rest usually follow from these."""


def _declare(**parameters: object) -> list[object]:
    return [{"type": "function", "function": {"name": "now", "parameters": parameters}}]


class MalformedTools(Rule[Row]):
    """A list of tools that is not a list of functions."""

    code = "LD256"
    name = "malformed-tools"
    why = "the chat template prints the tools into the prompt, and cannot print these"
    example = write_row(ASK, TELL, tools=[{"name": "now"}])
    hint = 'write tools as [{"type": "function", "function": {"name": "...", "parameters": {...}}}]'
    fix = "wraps bare functions as tools"

    def check(self, subject: Row) -> Iterator[Finding]:
        tools = subject.fields.get("tools")
        if tools is not None and not (isinstance(tools, list) and all(is_tool(tool) for tool in tools)):
            bad = next((tool for tool in tools if not is_tool(tool)), None) if isinstance(tools, list) else tools
            yield self.finding(subject.line, "tools is not a list of functions", text=str(bad))

    def mend(self, row: Fields) -> Fields:
        return amend_tools(row, repair_tools)


class DeprecatedFunction(Rule[Row]):
    """functions, function_call or the role function, which tools have replaced."""

    code = "LD258"
    name = "deprecated-function"
    why = "chat templates of today know tools only"
    example = write_row(
        ASK, {"role": "assistant", "content": None, "function_call": {"name": "now", "arguments": "{}"}}
    )
    hint = "convert to tools: tool_calls with an id, then a message from tool with that tool_call_id"
    fix = "converts functions to tools, calls to tool_calls with an id, and answers to tool messages"

    def check(self, subject: Row) -> Iterator[Finding]:
        if subject.fields.get("functions"):
            yield self.finding(subject.line, "functions is deprecated", text=str(subject.fields["functions"]))
        for message in subject.messages:
            call = message.fields.get("function_call")
            if call:
                text = f"message {message.position} has the deprecated function_call"
                yield self.finding(subject.line, text, at=message.position, text=str(call))
            if message.role == "function":
                text = f"message {message.position} has the deprecated role function"
                yield self.finding(subject.line, text, at=message.position, text=message.text)

    def mend(self, row: Fields) -> Fields:
        mended = amend_conversations(row, replace_functions)
        functions = row.get("functions")
        tools = repair_tools(functions)
        if not isinstance(tools, list) or not all(is_tool(tool) for tool in tools):
            return mended
        kept = {key: value for key, value in mended.items() if key != "functions"}
        return {**kept, "tools": [*(kept.get("tools") or []), *tools]} if tools else kept


class RepeatedTool(Rule[Row]):
    """Two tools of the same name in one list."""

    code = "LD259"
    name = "repeated-tool"
    severity = "warning"
    why = "a call by that name could mean either, and OpenAI refuses the list"
    example = write_row(ASK, TELL, tools=[NOW, NOW])
    hint = "keep one of them, or give them different names"
    fix = "keeps the first of tools that are the same; two different ones of one name stay"

    def check(self, subject: Row) -> Iterator[Finding]:
        tools = subject.fields.get("tools")
        if not isinstance(tools, list) or len(tools) < 2:
            return
        counts = Counter(tool["function"]["name"] for tool in tools if is_tool(tool))
        for name, count in counts.items():
            if count > 1:
                yield self.finding(subject.line, f"{count} tools have the name {quote(name)}", text=name)

    def mend(self, row: Fields) -> Fields:
        def keep_first(tools: Any) -> Any:
            if not isinstance(tools, list):
                return tools
            return [tool for index, tool in enumerate(tools) if tool not in tools[:index]]

        return amend_tools(row, keep_first)


class InvalidSchema(Rule[Row]):
    """Parameters of a tool that are no valid JSON Schema, or require what they do not describe."""

    code = "LD262"
    name = "invalid-schema"
    severity = "warning"
    why = "no call can be checked against it, and a server that holds the model to its schema would refuse it"
    example = write_row(ASK, TELL, tools=_declare(type="dict"))
    hint = 'write the parameters as JSON Schema: {"type": "object", "properties": {...}, "required": [...]}'
    fix = "writes Python's names of types as JSON Schema's: dict as object, str as string; other flaws stay"

    def check(self, subject: Row) -> Iterator[Finding]:
        if not subject.tools_text:
            return
        for study in study_tools(subject.tools_text).values():
            if study.flaw:
                text = f"the parameters of the tool {quote(study.name)} are no valid JSON Schema: {study.flaw}"
                yield self.finding(subject.line, text, text=study.name, hint=study.hint)

    def mend(self, row: Fields) -> Fields:
        def amend(tools: Any) -> Any:
            return [_rename_types_in(tool) for tool in tools] if isinstance(tools, list) else tools

        return amend_tools(row, amend)


class ArgumentsMisfit(Rule[Row]):
    """A call whose arguments do not fit the schema that its tool declares."""

    code = "LD263"
    name = "arguments-misfit"
    severity = "warning"
    why = "the program behind the tool would refuse the call, and the model would learn to make it"
    example = write_row(
        ASK,
        {"role": "assistant", "tool_calls": [CALL]},
        tools=_declare(type="object", properties={"zone": {"type": "string"}}, required=["zone"]),
    )
    hint = "correct the arguments, or the parameters of the tool"

    def check(self, subject: Row) -> Iterator[Finding]:
        if not subject.uses_tools or not subject.tools_text:
            return
        for message in subject.messages:
            for call in message.calls:
                name, arguments = call["function"]["name"], call["function"]["arguments"]
                study = study_tools(subject.tools_text).get(name)
                if study is None or study.flaw:
                    continue
                for misfit in study.find_misfits(arguments)[:WORST]:
                    place = f"message {message.position} calls {quote(name)}"
                    text = f"{place} with arguments that do not fit: {misfit.reason}"
                    hint = did_you_mean(misfit.word, misfit.known) if misfit.known else ""
                    yield self.finding(subject.line, text, at=message.position, text=arguments, hint=hint)


class ParallelNotBoolean(Rule[Row]):
    """parallel_tool_calls that is neither true nor false."""

    code = "LD265"
    name = "parallel-not-boolean"
    severity = "warning"
    why = 'a text is true to most programs, so that "false" means its opposite'
    example = write_row(ASK, TELL, parallel_tool_calls="false")
    hint = "write true or false without quotes, or leave it out"
    fix = 'writes "true" and "false" without quotes; other values stay'

    def check(self, subject: Row) -> Iterator[Finding]:
        value = subject.fields.get("parallel_tool_calls")
        if value is not None and not isinstance(value, bool):
            yield self.finding(subject.line, f"parallel_tool_calls is {quote(value)}", text=str(value))

    def mend(self, row: Fields) -> Fields:
        def amend(fields: Fields) -> Fields:
            value = fields.get("parallel_tool_calls")
            meant = {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None
            return fields if meant is None else {**fields, "parallel_tool_calls": meant}

        prompt = row.get("input")
        return amend({**row, "input": amend(prompt)} if isinstance(prompt, dict) else row)


def _rename_types_in(tool: Any) -> Any:
    if not is_tool(tool) or not isinstance(tool["function"].get("parameters"), dict):
        return tool
    function = tool["function"]
    return {**tool, "function": {**function, "parameters": rename_types(function["parameters"])}}
