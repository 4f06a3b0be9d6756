"""An answer or an example in, the few facts out that more than one room asks for: is it JSON, what is it told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, NoReturn

if TYPE_CHECKING:
    from luthier.data.dataset import Example

AnswerKind = Literal["json", "text"]

COMMON_FRACTION = 0.9
"""Share of the rows from which on something counts as what this file does."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


STRICT_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
"""Refuses NaN and Infinity, which Python's own lets pass."""


def holds_json(text: str) -> bool:
    """Whether text is one JSON object or list; a bare number or word is text that happens to parse."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        STRICT_DECODER.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def system_prompt(example: Example) -> str:
    """What system and developer messages say, together; "" when there are none."""
    messages = example.conversation.messages
    return "\n".join(message.content for message in messages if message.role in ("system", "developer"))
