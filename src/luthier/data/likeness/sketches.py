"""What a row says becomes a sketch of 128 bytes, by which rows can be compared without being kept.

A sketch is a b-bit minhash (Li & König, "b-Bit Minwise Hashing", 2010), b = 8, of the pairs of adjacent words in the
prompt and in the answer. Both count, the prompt for more: so rows that share a long canned answer are not alike, nor
are rows of a short template whose slot is filled in another way, in the prompt and then in the answer.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.data.likeness.shingles import NO_BOILERPLATE, find_boilerplate, hash_texts, mix_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from luthier.conversation import Conversation, Message
    from luthier.data.likeness.shingles import HashedTexts, Hashes

    Sketches = NDArray[np.uint8]

SKETCH_BYTES = 128
BATCH_ROWS = 1024

SAMPLE_ROWS = 256
"""Rows of a batch in which templates are looked for: enough to see a passage that 5 percent of them share."""

LEAST_PROMPT_WEIGHT = 0.6

_CHANCE = 1 / 256
"""Probability that the bytes of two different minima agree."""


class RowText(NamedTuple):
    """What rows are compared by; the system prompt, which many rows share, is left out."""

    prompt: str
    answer: str = ""


class HashedRows(NamedTuple):
    prompts: HashedTexts
    answers: HashedTexts

    def head(self, count: int) -> HashedRows:
        return HashedRows(self.prompts.head(count), self.answers.head(count))

    def weights(self) -> NDArray[np.float64]:
        """(N,): how much of the likeness is the prompt's: its share of the words, but never less than 60 percent."""
        prompt_words, answer_words = (np.diff(texts.markers) - 1 for texts in self)
        shares = prompt_words / np.maximum(prompt_words + answer_words, 1)
        weights: NDArray[np.float64] = np.maximum(shares, LEAST_PROMPT_WEIGHT)
        return weights


class HashFunctions(NamedTuple):
    """`factor * x + shift` modulo 2^32, each (128,); the factors are odd.

    A byte is about the prompt where its `rank`, of which the bytes have all from 0 to 1, is below the prompt's weight.
    """

    factors: NDArray[np.uint32]
    shifts: NDArray[np.uint32]
    ranks: NDArray[np.float64]


class SketchColumn:
    """Sketches of rows that arrive one by one.

    Templates are left out from the batch on in which they are first seen: what many rows share is no likeness.
    """

    def __init__(self) -> None:
        self._waiting: list[RowText] = []
        self._boilerplate: Hashes = NO_BOILERPLATE
        self._batches: list[Sketches] = []

    def add(self, row: RowText) -> None:
        self._waiting.append(row)
        if len(self._waiting) == BATCH_ROWS:
            self._sketch_waiting()

    def finish(self) -> Sketches:
        """(N, 128), in the order of the rows."""
        if self._waiting:
            self._sketch_waiting()
        return np.concatenate(self._batches) if self._batches else np.empty((0, SKETCH_BYTES), np.uint8)

    def _sketch_waiting(self) -> None:
        hashed = hash_rows(self._waiting)
        self._boilerplate = np.union1d(self._boilerplate, find_row_boilerplate(hashed.head(SAMPLE_ROWS)))
        self._batches.append(sketch_hashed(hashed, self._boilerplate))
        self._waiting.clear()


def read_row_text(conversation: Conversation) -> RowText:
    return RowText(_join_messages(conversation.prompt), _join_messages((conversation.answer,)))


def comparable_text(conversation: Conversation) -> str:
    """All that is said and called in it, apart from the system prompt."""
    return _join_messages(conversation.messages)


def sketch_texts(texts: Sequence[str]) -> Sketches:
    """(N, 128), of texts that are neither prompt nor answer; templates do not count."""
    return sketch_rows([RowText(text) for text in texts])


def sketch_rows(rows: Sequence[RowText]) -> Sketches:
    """(N, 128); templates do not count."""
    column = SketchColumn()
    for row in rows:
        column.add(row)
    return column.finish()


def hash_rows(rows: Sequence[RowText]) -> HashedRows:
    return HashedRows(hash_texts([row.prompt for row in rows]), hash_texts([row.answer for row in rows]))


def find_row_boilerplate(hashed: HashedRows) -> Hashes:
    return np.union1d(find_boilerplate(hashed.prompts), find_boilerplate(hashed.answers))


def sketch_hashed(hashed: HashedRows, boilerplate: Hashes = NO_BOILERPLATE) -> Sketches:
    """(N, 128)."""
    prompts, answers = (_find_minima(texts, boilerplate) for texts in hashed)
    is_prompt = _choose_functions().ranks < hashed.weights()[:, np.newaxis]
    return np.where(is_prompt, prompts, answers)


def estimate_similarity(first: Sketches, second: Sketches) -> NDArray[np.float64]:
    """Of the rows, pair by pair; with a standard error of at most 0.045, and so at times below 0."""
    agreement = (first == second).sum(axis=-1, dtype=np.uint8) / SKETCH_BYTES
    similarity: NDArray[np.float64] = (agreement - _CHANCE) / (1 - _CHANCE)
    return similarity


def _find_minima(texts: HashedTexts, boilerplate: Hashes) -> Sketches:
    shingles, starts = texts.shingles(boilerplate=boilerplate)
    values = (shingles >> np.uint64(32)).astype(np.uint32)
    minima = np.empty((SKETCH_BYTES, len(starts)), np.uint32)
    hashes = np.empty_like(values)
    for factor, shift, minimum in zip(*_choose_functions()[:2], minima, strict=True):
        np.multiply(values, factor, out=hashes)
        np.add(hashes, shift, out=hashes)
        np.minimum.reduceat(hashes, starts, out=minimum)
    # An affine function carries its low bits through; only mixed do those of unequal minima agree by chance alone.
    return mix_bits(minima.astype(np.uint64)).astype(np.uint8).T


@cache
def _choose_functions() -> HashFunctions:
    numbers = mix_bits(np.arange(1, 2 * SKETCH_BYTES + 1, dtype=np.uint64)).astype(np.uint32)
    # 79 / 128 is near the golden ratio: any few bytes in a row have ranks from all over.
    ranks = np.arange(SKETCH_BYTES) * 79 % SKETCH_BYTES / SKETCH_BYTES
    return HashFunctions(numbers[:SKETCH_BYTES] | np.uint32(1), numbers[SKETCH_BYTES:], ranks)


def _join_messages(messages: Sequence[Message]) -> str:
    parts: list[str] = []
    for message in messages:
        if message.role not in ("system", "developer"):
            parts.append(message.content)
            parts += [f"{call.name} {call.arguments}" for call in message.tool_calls]
    return "\n".join(parts)
