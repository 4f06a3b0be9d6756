"""Alpaca's instruction, input and output, with the turns before them, and the like named columns of Dolly."""

from __future__ import annotations

from typing import Any

from luthier.data.formats.draft import Draft, write_number
from luthier.data.formats.format import Format, UnreadableRow

INPUTS = ("input", "context")
OUTPUTS = ("output", "response")


class Alpaca(Format):
    """`instruction`, perhaps `input`, and `output`; `system` and `history` go before; `chosen` and `rejected` rank."""

    name = "alpaca"
    title = "Alpaca"

    def matches(self, fields: dict[str, Any]) -> bool:
        if "instruction" not in fields or "messages" in fields:
            return False
        return any(key in fields for key in OUTPUTS) or {"chosen", "rejected"} <= fields.keys()

    def to_openai(self, fields: dict[str, Any]) -> dict[str, Any]:
        draft = Draft(fields)
        request = _join(write_number(draft.require("instruction")), write_number(draft.take(*INPUTS)))
        history = _read_history(draft.take("history"))
        turns = [*history, {"role": "user", "content": request}]
        messages = draft.lead_with_system(draft.read_turns(turns, "the row"))
        if fields.get("chosen") is not None and fields.get("rejected") is not None:
            chosen = draft.read_side(draft.take("chosen"), "chosen", role="assistant")
            return draft.build_pair(
                messages, chosen, draft.read_side(draft.take("rejected"), "rejected", role="assistant")
            )
        answer = draft.read_side(draft.require(*OUTPUTS), "output", role="assistant")
        return draft.build_chat([*messages, *answer])


def _join(instruction: Any, given: Any) -> Any:
    """One request of two paragraphs; the input is optional, and empty where it is not needed."""
    if given is None or given == "":
        return instruction
    if not isinstance(instruction, str) or not isinstance(given, str):
        raise UnreadableRow("instruction and input are not both text", hint="write both in quotes")
    return f"{instruction}\n\n{given}"


def _read_history(history: Any) -> list[dict[str, Any]]:
    pairs = history if history is not None else []
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise UnreadableRow(
            "history is not a list of pairs", hint='write [["question", "answer"], ...], or leave it out'
        )
    roles = ("user", "assistant")
    return [{"role": role, "content": text} for pair in pairs for role, text in zip(roles, pair, strict=True)]
