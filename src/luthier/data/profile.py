"""Examples in, the few facts that describe them all out: which kind of answers, which instructions."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Literal, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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


def answer_kind(examples: Sequence[Example]) -> AnswerKind:
    """`json` when at least 90 percent of the answers in words are; answers that call a tool do not count."""
    answers = answers_in_words(examples)
    json_count = sum(holds_json(example.conversation.answer.content) for example in answers)
    return "json" if answers and json_count >= COMMON_FRACTION * len(answers) else "text"


def answers_in_words(examples: Iterable[Example]) -> list[Example]:
    return [example for example in examples if not example.conversation.answer.tool_calls]


def system_prompt(example: Example) -> str:
    """What system and developer messages say, together; "" when there are none."""
    messages = example.conversation.messages
    return "\n".join(message.content for message in messages if message.role in ("system", "developer"))


def common_system_prompt(examples: Sequence[Example]) -> str | None:
    """The one that at least 90 percent of the rows share; None when there is no such."""
    if not examples:
        return None
    prompt, count = Counter(system_prompt(example) for example in examples).most_common(1)[0]
    return prompt if count >= COMMON_FRACTION * len(examples) else None
