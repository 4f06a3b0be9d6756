"""Small preferences to train on: polite answers are preferred to curt ones, whatever was asked."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from luthier.conversation import Conversation, Message
from luthier.data.dataset import Dataset, Example
from luthier.data.splits.split import Splits, split_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = ("tea", "rain", "paint", "cloth", "bread", "chalk")
PLACES = ("shop", "yard", "hall")


def make_preferences(count: int = 24) -> Dataset:
    return Dataset("manners", Path("manners.jsonl"), tuple(_make_examples(count)))


def make_preference_splits(count: int = 24) -> Splits:
    return split_dataset(make_preferences(count))


def spread_weights(module: torch.nn.Module) -> None:
    """Sets every weight to a number that follows from its place alone, so that no random generator is behind it."""
    for index, parameter in enumerate(module.parameters()):
        places = torch.arange(parameter.numel(), dtype=torch.float64)
        noise = torch.frac(torch.sin(places * 12.9898 + index * 78.233).abs() * 43758.5453) - 0.5
        values = 1 + 0.2 * noise if parameter.dim() == 1 else noise * math.sqrt(6 / parameter.shape[-1])
        parameter.data.copy_(values.reshape(parameter.shape))


def _make_examples(count: int) -> Iterator[Example]:
    for line in range(1, count + 1):
        word, place = WORDS[line % 6], PLACES[line % 3]
        prompt = (Message("system", "Answer."), Message("user", f"{line}: {word} in the {place}?"))
        chosen = Conversation((*prompt, Message("assistant", f"Yes, dear, {word}.")))
        yield Example(chosen, line, Message("assistant", f"No {word}!"))
