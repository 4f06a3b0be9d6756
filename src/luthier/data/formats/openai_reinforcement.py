"""OpenAI's reinforcement format: a prompt without an answer, and beside it what a grader needs to judge one."""

from __future__ import annotations

from typing import Any

from luthier.data.formats.format import Format
from luthier.data.formats.openai_chat import ROW_KEYS

NOT_ITEMS = ROW_KEYS | {"functions", "weight"}
"""Keys that stand on chat rows too, rightly or by mistake."""


class OpenAiReinforcement(Format):
    """`messages` that end before the answer, with further keys that graders read as `item.*`."""

    name = "reinforcement"
    title = "OpenAI reinforcement"

    def matches(self, fields: dict[str, Any]) -> bool:
        """By more than the missing answer: a chat row that lost its answer has nothing beside its messages."""
        messages = fields.get("messages")
        if not isinstance(messages, list) or not messages or not fields.keys() - NOT_ITEMS:
            return False
        last = messages[-1]
        return isinstance(last, dict) and last.get("role") in ("user", "tool")

    def to_openai(self, fields: dict[str, Any]) -> dict[str, Any]:
        return fields
