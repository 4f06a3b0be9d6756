"""A training set becomes a shelf from which the examples nearest to a question are taken, never one of the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.advise.prompts import Question, read_asked, read_instructions
from luthier.advise.retrieval.search import HybridIndex
from luthier.data.likeness.contamination import find_overlaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from luthier.data.dataset import Dataset, Example
    from luthier.engine.protocol import Embed

SEARCHED = 50
"""Nearest rows from which those are taken that have the question's instructions and tools."""


class ExampleShelf:
    """`held_back` are lines of training rows that give away a row of the test: these are not on the shelf."""

    def __init__(self, examples: Iterable[Example], embed: Embed, *, held_back: frozenset[int]) -> None:
        """Raises ValueError when no row is left."""
        usable = (each for each in examples if each.rejected is None and each.line not in held_back)
        self.examples = tuple({each.prompt_fingerprint: each for each in usable}.values())
        self._index = HybridIndex([read_asked(ask(each)) for each in self.examples], embed)

    def find(self, questions: Sequence[Question], count: int) -> list[list[Example]]:
        """The nearest first; with the question's own tools, and with its own instructions as far as there are any."""
        found = self._index.search([read_asked(question) for question in questions], max(SEARCHED, count))
        return [
            choose_examples(question, [self.examples[hit.place] for hit in hits], count)
            for question, hits in zip(questions, found, strict=True)
        ]


def find_giveaways(train: Sequence[Example], test: Dataset) -> frozenset[int]:
    """Lines of the training rows that ask what a row of the test asks, in whatever case, spacing and punctuation, or
    that are nearly the same as one."""
    return frozenset(found.train_line for found in find_overlaps(train, test) if found.kind != "passage")


def ask(example: Example) -> Question:
    return Question(example.conversation.prompt, example.conversation.tools)


def choose_examples(question: Question, nearest: Sequence[Example], count: int) -> list[Example]:
    usable = [each for each in nearest if each.conversation.tools == question.tools]
    wanted = read_instructions(question.messages)
    # The sort is stable, so rows of the same instructions stay in their order of likeness.
    usable.sort(key=lambda each: read_instructions(each.conversation.prompt) != wanted)
    return usable[:count]
