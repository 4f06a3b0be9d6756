"""OpenAI's preference format (DPO): a prompt with an answer that is preferred and one that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.data.dataset import Example
from luthier.data.formats.format import Format
from luthier.data.formats.openai_chat import Row, build_conversation, view_row, write_extras

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFERENCE_KEYS = frozenset({"input", "preferred_output", "non_preferred_output"})
PROMPT_EXTRAS = frozenset({"parallel_tool_calls"})
OUTPUTS = ("preferred_output", "non_preferred_output")


class OpenAiPreference(Format):
    """`input` with `messages` and `tools`, then `preferred_output` and `non_preferred_output` of one message each."""

    name = "preference"
    title = "OpenAI preference"

    def matches(self, fields: dict[str, Any]) -> bool:
        return "messages" not in fields and bool(fields.keys() & set(OUTPUTS))

    def to_openai(self, fields: dict[str, Any]) -> dict[str, Any]:
        return fields


def view_pair(line: int, fields: dict[str, Any]) -> Iterator[Row]:
    """The two conversations of a row, the preferred one first, for the rules about conversations.

    What is missing is left out, and then the rules about pairs say so.
    """
    given = fields.get("input")
    prompt = given if isinstance(given, dict) else {}
    messages = prompt.get("messages")
    for key in OUTPUTS:
        output = fields.get(key)
        if isinstance(messages, list) and isinstance(output, list):
            yield view_row(line, {**prompt, "messages": [*messages, *output]})


def build_pair(line: int, fields: dict[str, Any]) -> Example:
    """Trusts a row in which no rule found an error: each output is one message of the assistant."""
    preferred, rejected = (build_conversation(row) for row in view_pair(line, fields))
    extras = {**fields, **{key: fields["input"][key] for key in PROMPT_EXTRAS & fields["input"].keys()}}
    metadata = fields["input"].get("metadata")
    if metadata:
        extras["metadata"] = {"input": metadata, **fields["metadata"]} if fields.get("metadata") else metadata
    return Example(preferred, line, rejected.answer, write_extras(extras, read=PREFERENCE_KEYS))
