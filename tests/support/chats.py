"""Small chats to train on, in seconds and without any file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset, Example
from luthier.data.splits.split import Splits, split_dataset
from luthier.tokens.encode import encode_conversation
from tests.support.tiny import build_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.tokens.encode import EncodedExample

COLOURS = ("red", "green", "blue", "black", "white")
THINGS = ("cup", "door", "ship", "hat")


def make_dataset(count: int = 20) -> Dataset:
    return Dataset("chats", Path("chats.jsonl"), tuple(_make_examples(count)))


def make_splits(count: int = 20) -> Splits:
    return split_dataset(make_dataset(count))


def encode_chats(count: int) -> list[EncodedExample]:
    """By the tiny model's template; all begin with the same system prompt."""
    template = build_template()
    return [encode_conversation(template, example.conversation) for example in make_dataset(count).examples]


def _make_examples(count: int) -> Iterator[Example]:
    for line in range(1, count + 1):
        colour, thing = COLOURS[line % 5], THINGS[line % 4]
        messages = (
            Message("system", "Name the colour."),
            Message("user", f"{line}: the {colour} {thing}"),
            Message("assistant", f'{{"colour":"{colour}"}}'),
        )
        yield Example(Conversation(messages), line)
