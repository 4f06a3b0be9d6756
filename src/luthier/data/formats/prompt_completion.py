"""Prompt and completion, each a text or a list of messages, as TRL and OpenAI's older models are given them."""

from __future__ import annotations

from typing import Any

from luthier.data.formats.draft import Draft
from luthier.data.formats.format import Format


class PromptCompletion(Format):
    """`prompt` and `completion`: two texts, or two lists of messages that make one conversation."""

    name = "prompt_completion"
    title = "prompt and completion"

    def matches(self, fields: dict[str, Any]) -> bool:
        return {"prompt", "completion"} <= fields.keys() and "messages" not in fields

    def to_openai(self, fields: dict[str, Any]) -> dict[str, Any]:
        draft = Draft(fields)
        prompt = draft.read_side(draft.require("prompt"), "prompt", role="user")
        completion = draft.read_side(draft.require("completion"), "completion", role="assistant")
        return draft.build_chat(draft.lead_with_system([*prompt, *completion]))
