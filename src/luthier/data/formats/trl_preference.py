"""TRL's preference rows: a prompt with a chosen and a rejected answer, or two whole conversations that begin alike."""

from __future__ import annotations

from typing import Any, NamedTuple

from luthier.data.formats.draft import Draft, list_turns
from luthier.data.formats.format import Format, UnreadableRow

PROMPTS = ("prompt", "question", "messages")
PAIR = frozenset({"chosen", "rejected"})


class TrlPreference(Format):
    """`chosen` and `rejected`, as texts or messages, after a `prompt` with which they may also begin themselves."""

    name = "trl_preference"
    title = "TRL preference"

    def matches(self, fields: dict[str, Any]) -> bool:
        return fields.keys() >= PAIR and not fields.keys() & {"instruction", "conversations", "conversation"}

    def to_openai(self, fields: dict[str, Any]) -> dict[str, Any]:
        draft = Draft(fields)
        key = next((key for key in PROMPTS if fields.get(key) is not None), None)
        prompt = list_turns(draft.take(key), role="user") if key else []
        sides = (list_turns(draft.require(side), role="assistant") for side in ("chosen", "rejected"))
        pair = _divide(prompt, *sides)
        if fields.get("messages") == [*pair.prompt, pair.chosen]:
            draft.take("messages")  # said twice, as in data for tuning on the chosen answers alone
        messages = draft.lead_with_system(draft.read_turns(pair.prompt, key or "chosen"))
        return draft.build_pair(
            messages, draft.read_turns([pair.chosen], "chosen"), draft.read_turns([pair.rejected], "rejected")
        )


class _Pair(NamedTuple):
    prompt: list[Any]
    chosen: Any
    rejected: Any


def _divide(prompt: list[Any], chosen: list[Any], rejected: list[Any]) -> _Pair:
    """What the two conversations share belongs to the prompt; one message each has to be left."""
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    if len(chosen) != shared + 1 or len(rejected) != shared + 1:
        hint = "let the two conversations differ in the last message alone"
        raise UnreadableRow("chosen and rejected are not one answer each to the same prompt", hint=hint)
    whole = chosen[:shared] if _contains(chosen[:shared], prompt) else [*prompt, *chosen[:shared]]
    if not whole:
        raise UnreadableRow("nothing says what chosen and rejected answer", hint="write it as prompt")
    return _Pair(whole, chosen[-1], rejected[-1])


def _contains(turns: list[Any], part: list[Any]) -> bool:
    return any(turns[start : start + len(part)] == part for start in range(len(turns) - len(part) + 1))
