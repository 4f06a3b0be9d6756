"""A chat template goes in; how it writes one call and two calls of functions that are known to us comes out as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.conversation import Message, ToolCall
from luthier.engine.tools.call_grammar import SHORT_ID
from luthier.errors import DataError

if TYPE_CHECKING:
    from luthier.tokens.chat_template import ChatTemplate

NAMES = ("sentinel_first", "sentinel_second")
KEYS = ("sentinel_text", "sentinel_nested")
TEXT = "sentinel value"
NESTED: dict[str, Any] = {"inner": [1, 2.5, True, "deep value"]}
ARGUMENTS: dict[str, Any] = {KEYS[0]: TEXT, KEYS[1]: NESTED}

LONG_ID = "call_0a1b2c3d4e5f6a7b8c9d0e1f"
QUESTION = Message("user", "sentinel question")
ANSWER = "sentinel answer"

TOOLS = json.dumps(
    [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": "sentinel",
                "parameters": {
                    "type": "object",
                    "properties": {KEYS[0]: {"type": "string"}, KEYS[1]: {"type": "object"}},
                },
            },
        }
        for name in NAMES
    ]
)


class Specimen(NamedTuple):
    """What stands in the model's turn. `double` is None where the template writes no two calls in one turn."""

    single: str
    double: str | None
    has_short_ids: bool


def render_specimen(template: ChatTemplate) -> Specimen | None:
    """None for a template that renders no calls, or none in the place where the model writes."""
    for call_id in (LONG_ID, SHORT_ID):
        single = _render_calls(template, 1, call_id)
        if single is not None:
            return Specimen(
                single.replace(call_id, SHORT_ID), _render_two(template, call_id), has_short_ids=call_id == SHORT_ID
            )
    return None


def shows_tools(template: ChatTemplate) -> bool:
    """Whether the prompt tells the model which functions there are."""
    return _render(template, [QUESTION], opens_answer=True) is not None


def _render_two(template: ChatTemplate, call_id: str) -> str | None:
    double = _render_calls(template, 2, call_id)
    return double.replace(call_id, SHORT_ID) if double else None


def _render_calls(template: ChatTemplate, count: int, call_id: str) -> str | None:
    calls = tuple(ToolCall(call_id, name, json.dumps(ARGUMENTS)) for name in NAMES[:count])
    whole = _render(template, [QUESTION, Message("assistant", tool_calls=calls)])
    plain = _render(template, [QUESTION, Message("assistant", ANSWER)])
    opened = _render(template, [QUESTION], opens_answer=True)
    if whole is None or plain is None or opened is None:
        return None
    # A template may put more before an answer than before the place where one begins: an empty thought, for example.
    before = next((start for start in (plain.partition(ANSWER)[0], opened) if whole.startswith(start)), None)
    return None if before is None else _cut_turn_end(template, whole[len(before) :], plain.rpartition(ANSWER)[2])


def _render(template: ChatTemplate, messages: list[Message], *, opens_answer: bool = False) -> str | None:
    try:
        return template.render(messages, tools=TOOLS, opens_answer=opens_answer)
    except (DataError, TypeError):  # a template that joins arguments to text cannot take them as an object
        return None


def _cut_turn_end(template: ChatTemplate, written: str, turn_end: str) -> str:
    """Calls may end in another stop token than answers do."""
    tokens = [str(template.tokenizer.convert_ids_to_tokens(stop)) for stop in template.stop_ids]
    ends = [position for token in tokens if (position := written.find(token, written.rfind(NAMES[0]))) >= 0]
    return written[: min(ends)] if ends else written.removesuffix(turn_end)
