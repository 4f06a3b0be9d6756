"""Messages as clients write them become those that models read, each call beside its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from luthier.conversation import Message, ToolCall
from luthier.server.openai.schema.messages import (
    AssistantMessage,
    FunctionMessage,
    InstructingMessage,
    RefusalPart,
    TextPart,
    ToolMessage,
    UserMessage,
)
from luthier.server.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.server.openai.schema.messages import CalledFunction, ChatMessage

NO_ARGUMENTS = "{}"


def read_messages(rows: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Raises Problem for calls without results, and results without calls. Parts are joined as training joins them."""
    messages: list[Message] = []
    awaited: dict[str, int] = {}  # ids of calls without a result yet, by where they were made
    for place, row in enumerate(rows):
        message = _read_message(row, place, awaited)
        if message.role == "tool":
            _expect_call(message, place, awaited)
        elif awaited:
            _refuse_unanswered(awaited)
        awaited |= {call.id: place for call in message.tool_calls}
        messages.append(message)
    if awaited:
        _refuse_unanswered(awaited)
    return tuple(messages)


def _read_message(row: ChatMessage, place: int, awaited: dict[str, int]) -> Message:
    match row:
        case InstructingMessage() | UserMessage():
            return Message(row.role, _read_content(row.content), name=row.name)
        case ToolMessage():
            return Message("tool", _read_content(row.content), name=row.name, tool_call_id=row.tool_call_id)
        case FunctionMessage():
            call_id = next(iter(awaited), _name_call(place))
            return Message("tool", row.content or "", name=row.name, tool_call_id=call_id)
        case AssistantMessage():
            content = row.refusal if row.content is None else row.content
            return Message("assistant", _read_content(content or ""), name=row.name, tool_calls=_read_calls(row, place))
    assert_never(row)


def _read_content(content: str | Sequence[object]) -> str:
    if isinstance(content, str):
        return content
    texts = [part.text for part in content if isinstance(part, TextPart)]
    return "".join(texts) or "".join(part.refusal for part in content if isinstance(part, RefusalPart))


def _read_calls(row: AssistantMessage, place: int) -> tuple[ToolCall, ...]:
    if row.function_call is not None:
        return (_read_call(_name_call(place), row.function_call),)
    return tuple(_read_call(call.id, call.function) for call in row.tool_calls or ())


def _read_call(call_id: str, function: CalledFunction) -> ToolCall:
    return ToolCall(call_id, function.name, function.arguments.strip() or NO_ARGUMENTS)


def _name_call(place: int) -> str:
    """The older form has no ids. Nine letters and digits, for some templates refuse others."""
    return f"call{place:05d}"


def _expect_call(message: Message, place: int, awaited: dict[str, int]) -> None:
    if message.tool_call_id is None or awaited.pop(message.tool_call_id, None) is None:
        text = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
        raise Problem(400, f"Invalid parameter: {text}", param=f"messages[{place}].role", code="invalid_value")


def _refuse_unanswered(awaited: dict[str, int]) -> None:
    text = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(awaited)}"
    )
    raise Problem(400, text, param=f"messages[{min(awaited.values())}].tool_calls", code="invalid_value")
