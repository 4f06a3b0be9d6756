"""Examples as a split sees them: what they ask, how they are labelled, and what they belong to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset, Example

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOUNS = ("lamp", "desk", "violin", "bow", "chair", "stand", "string", "mute", "rosin", "case", "score", "peg")
VERBS = ("send", "repair", "find", "price", "return", "compare", "cancel", "describe", "wrap", "store", "lend", "tune")


def phrase_question(number: int) -> str:
    """A different one for each number, and no two of them nearly the same."""
    words = []
    for place in range(6):
        words.append(VERBS[(number >> place) % 12] + str(number * 7 + place))
        words.append(NOUNS[(number * 5 + place) % 12])
    return " ".join(words)


def make_example(
    question: str,
    answer: str = "yes",
    *,
    line: int = 1,
    system: str = "Answer.",
    before: Sequence[tuple[str, str]] = (),
    **metadata: Any,
) -> Example:
    """`before` are questions and answers that stand before the last question."""
    turns = [message for ask, say in before for message in (Message("user", ask), Message("assistant", say))]
    messages = (Message("system", system), *turns, Message("user", question), Message("assistant", answer))
    return Example(Conversation(messages), line, extras=json.dumps({"metadata": metadata}) if metadata else "")


def make_rows(examples: Iterable[Example], name: str = "rows") -> Dataset:
    """Lines are numbered from 1, as in a file."""
    numbered = tuple(replace(example, line=line) for line, example in enumerate(examples, 1))
    return Dataset(name, Path(f"{name}.jsonl"), numbered)
