"""A row in one of OpenAI's three forms becomes the row as Luthier writes it, and as training reads it."""

from __future__ import annotations

from typing import Any

from luthier.data.formats.draft import Draft
from luthier.data.formats.format import UnreadableRow

PAIR_HINT = "write the prompt as input, with messages, and one assistant message in each of the two outputs"


def tidy_chat(fields: dict[str, Any]) -> dict[str, Any]:
    """Tools for the older functions, an id for each call, and keys that are no part of the form in the metadata.

    A row that is in order comes out as it went in, but for keys that hold null. Raises UnreadableRow.
    """
    draft = Draft(fields)
    return draft.build_chat(draft.read_turns(draft.take("messages"), "messages"))


def tidy_reinforcement(fields: dict[str, Any]) -> dict[str, Any]:
    """As `tidy_chat`, except that the keys beside the messages stay: a grader reads them."""
    draft = Draft({key: fields.get(key) for key in ("messages", "tools", "functions", "parallel_tool_calls")})
    tidy = draft.build_chat(draft.read_turns(draft.take("messages"), "messages"))
    items = {key: value for key, value in fields.items() if key not in ("messages", "tools", "functions")}
    return {**items, **tidy}


def tidy_preference(fields: dict[str, Any]) -> dict[str, Any]:
    """As `tidy_chat`, for both conversations."""
    given = fields.get("input")
    if not isinstance(given, dict):
        raise UnreadableRow("input is not an object", hint=PAIR_HINT)
    beside = {key: value for key, value in fields.items() if key != "input"}
    clash = next((key for key in given if key in beside), None)
    if clash is not None:
        raise UnreadableRow(f"the key {clash!r} stands both in input and beside it", hint="rename one of the two")
    draft = Draft({**given, **beside})
    prompt = draft.read_turns(draft.take("messages"), "input")
    preferred = draft.read_turns(draft.take("preferred_output"), "preferred_output")
    return draft.build_pair(
        prompt, preferred, draft.read_turns(draft.take("non_preferred_output"), "non_preferred_output")
    )


def keep_preferred(pair: dict[str, Any]) -> dict[str, Any]:
    """A preference as a chat that ends with the preferred answer."""
    rest = {
        key: value for key, value in pair.items() if key not in ("input", "preferred_output", "non_preferred_output")
    }
    given: dict[str, Any] = pair["input"]
    return {**given, "messages": [*given["messages"], *pair["preferred_output"]], **rest}
