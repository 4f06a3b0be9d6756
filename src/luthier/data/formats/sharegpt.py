"""ShareGPT's conversations, and the lists of role and content that others keep under a key of that kind."""

from __future__ import annotations

from typing import Any

from luthier.data.formats.draft import Draft
from luthier.data.formats.format import Format, UnreadableRow

LIST_KEYS = ("conversations", "conversation", "dialogue")


class ShareGpt(Format):
    """`conversations`, with `from` and `value` in each turn; with `chosen` and `rejected` beside it, a preference."""

    name = "sharegpt"
    title = "ShareGPT"

    def matches(self, fields: dict[str, Any]) -> bool:
        return "messages" not in fields and any(isinstance(fields.get(key), list) for key in LIST_KEYS)

    def to_openai(self, fields: dict[str, Any]) -> dict[str, Any]:
        draft = Draft(fields)
        key = next((key for key in LIST_KEYS if fields.get(key) is not None), LIST_KEYS[0])
        turns = draft.require(key)
        if not turns:
            raise UnreadableRow(f"{key} is empty", hint="write the turns, or delete the row")
        messages = draft.lead_with_system(draft.read_turns(turns, key))
        if fields.get("chosen") is None or fields.get("rejected") is None:
            return draft.build_chat(messages)
        chosen = draft.read_side(draft.take("chosen"), "chosen", role="assistant")
        rejected = draft.read_side(draft.take("rejected"), "rejected", role="assistant")
        return draft.build_pair(messages, chosen, rejected)
