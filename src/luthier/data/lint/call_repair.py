"""Tool calls in other people's forms go in, the form of today comes out, where only one reading is possible.

The rules about calls mend with these; what could mean two things is returned as it was.
"""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

from luthier.data.formats.openai_chat import is_tool, is_tool_call
from luthier.data.profile import holds_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    Fields = dict[str, Any]


def repair_calls(messages: list[Any]) -> list[Any]:
    """Lists around single calls, arguments as text, and ids where the tool messages that follow leave no doubt."""
    repaired = [_repair_call_list(message) if isinstance(message, dict) else message for message in messages]
    for index, message in enumerate(repaired):
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        if isinstance(calls, list) and any(_lacks_id(call) for call in calls):
            ids = _find_ids(repaired, index, len(calls))
            named = [{"id": id_, **call} if _lacks_id(call) else call for id_, call in zip(ids, calls, strict=False)]
            repaired[index] = {**message, "tool_calls": named or calls}
    return repaired


def name_answered_calls(messages: list[Any]) -> list[Any]:
    """Fills in the tool_call_id of a single result that directly follows a single call."""
    named = list(messages)
    for index in range(1, len(named)):
        before, message, after = named[index - 1], named[index], named[index + 1 : index + 2]
        if not isinstance(message, dict):
            continue
        if message.get("role") != "tool":
            if not message.get("tool_call_id"):
                named[index] = {key: value for key, value in message.items() if key != "tool_call_id"}
            continue
        calls = before.get("tool_calls") if isinstance(before, dict) else None
        is_last = not (after and isinstance(after[0], dict) and after[0].get("role") == "tool")
        if not isinstance(calls, list) or len(calls) != 1 or not is_last or message.get("tool_call_id"):
            continue
        if is_tool_call(calls[0]):
            named[index] = {**message, "tool_call_id": calls[0]["id"]}
    return named


def replace_functions(messages: list[Any]) -> list[Any]:
    """function_call becomes tool_calls, and the function's answer a tool message for that call."""
    replaced: list[Any] = []
    pending: dict[str, str] = {}
    used = _list_ids(messages)
    for message in messages:
        call = message.get("function_call") if isinstance(message, dict) else None
        if isinstance(call, dict) and isinstance(call.get("name"), str) and not message.get("tool_calls"):
            id_ = _find_free_id(used)
            pending[call["name"]] = id_
            kept = {key: value for key, value in message.items() if key not in ("function_call", "tool_calls")}
            replaced.append({**kept, "tool_calls": [_wrap_function(call, id_)]})
        elif isinstance(message, dict) and message.get("role") == "function" and str(message.get("name")) in pending:
            kept = {key: value for key, value in message.items() if key != "name"}
            replaced.append({**kept, "role": "tool", "tool_call_id": pending.pop(message["name"])})
        else:
            replaced.append(message)
    return replaced


def repair_tools(tools: Any) -> Any:
    """A bare function, or a list of them, becomes a list of tools."""
    listed = [tools] if isinstance(tools, dict) and ("name" in tools or "function" in tools) else tools
    return [_repair_tool(tool) for tool in listed] if isinstance(listed, list) else listed


def write_arguments(arguments: Any) -> Any:
    """As the text of a JSON object: from an object, nothing, a Python dict in words, or text in text."""
    if arguments is None or (isinstance(arguments, str) and not arguments.strip()):
        return "{}"
    if isinstance(arguments, dict):
        return json.dumps(arguments, ensure_ascii=False)
    if not isinstance(arguments, str) or (holds_json(arguments) and arguments.lstrip().startswith("{")):
        return arguments
    inner = _read_literal(arguments)
    if isinstance(inner, str):
        inner = _read_literal(inner)
    return json.dumps(inner, ensure_ascii=False, allow_nan=False) if _is_plain_object(inner) else arguments


def _repair_call_list(message: Fields) -> Fields:
    calls = message.get("tool_calls")
    if "tool_calls" in message and not calls:
        return {key: value for key, value in message.items() if key != "tool_calls"}
    if message.get("role") != "assistant":
        return message
    if isinstance(calls, str) and holds_json(calls):
        calls = json.loads(calls)
    listed = [calls] if isinstance(calls, dict) else calls
    if not isinstance(listed, list):
        return message
    return {**message, "tool_calls": [_repair_call(call) for call in listed]}


def _repair_call(call: Any) -> Any:
    if not isinstance(call, dict) or call.get("type", "function") != "function":
        return call
    if "function" not in call and isinstance(call.get("name"), str):
        kept = {key: value for key, value in call.items() if key not in ("name", "arguments")}
        return {**kept, "type": "function", "function": _repair_function(call)}
    if isinstance(call.get("function"), dict):
        return {**call, "function": {**call["function"], **_repair_function(call["function"])}}
    return call


def _repair_function(function: Fields) -> Fields:
    arguments = function.get("arguments")
    written = arguments if isinstance(arguments, str) else write_arguments(arguments)
    return {"name": function.get("name"), "arguments": written}


def _wrap_function(call: Fields, id_: str) -> Fields:
    return {"id": id_, "type": "function", "function": _repair_function(call)}


def _repair_tool(tool: Any) -> Any:
    if not isinstance(tool, dict) or is_tool(tool):
        return tool
    if isinstance(tool.get("function"), dict):
        return {"type": "function", **tool}
    if isinstance(tool.get("name"), str) and tool.get("type", "function") == "function":
        return {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}
    return tool


def _lacks_id(call: Any) -> bool:
    return isinstance(call, dict) and call.get("id") is None and is_tool_call({**call, "id": ""})


def _find_ids(messages: Sequence[Any], index: int, count: int) -> list[str]:
    """One for each of the calls of a message; [] when the messages that follow leave it open which is whose."""
    following: list[Fields] = []
    for message in messages[index + 1 :]:
        if not (isinstance(message, dict) and message.get("role") == "tool"):
            break
        following.append(message)
    used = _list_ids(messages)
    given = [message.get("tool_call_id") for message in following]
    if len(given) == count and all(isinstance(id_, str) and id_ not in used for id_ in given):
        return [str(id_) for id_ in given]
    return [] if any(given) else [_find_free_id(used) for _ in range(count)]


def _list_ids(messages: Sequence[Any]) -> set[str]:
    calls = [message.get("tool_calls") for message in messages if isinstance(message, dict)]
    listed = [call for entry in calls if isinstance(entry, list) for call in entry]
    return {str(call.get("id")) for call in listed if isinstance(call, dict)}


def _find_free_id(used: set[str]) -> str:
    number = next(number for number in range(1, len(used) + 2) if f"call_{number}" not in used)
    used.add(f"call_{number}")
    return f"call_{number}"


def _read_literal(text: str) -> Any:
    """JSON, or a Python literal; None for anything else."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _is_plain_object(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return False
    return all(isinstance(key, str) for key in value)
