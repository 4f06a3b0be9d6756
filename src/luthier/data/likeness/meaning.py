"""Prompts become vectors, and vectors become pairs of rows that ask for the same.

Where the vectors come from is the caller's business: this room knows nothing of models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from luthier.data.finding import cut_text
from luthier.data.likeness.shingles import find_words
from luthier.data.likeness.similarity import NEAR, Pair
from luthier.data.likeness.sketches import SketchColumn, estimate_similarity, read_row_text
from luthier.data.profile import holds_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.dataset import Example

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]
"""Texts to vectors of unit length, in their order."""

ALIKE = 0.85
"""Cosine from which on two prompts ask for the same, apart from what the whole file has in common."""

EMBED_ROWS = 1024

FEWEST_ROWS = 50
"""Below this many vectors, their mean is not what they have in common but what they are."""

SHORT_WORDS = 4
"""An answer of no more words is a label or a value: one that differs is another answer, however alike it looks."""


class AnswerKeys(NamedTuple):
    """(N,) each. `is_exact`: JSON, labels and values are alike only where they are equal, by their `hashes`."""

    hashes: NDArray[np.int64]
    is_exact: NDArray[np.bool_]

    def allow(self, other: AnswerKeys) -> NDArray[np.bool_]:
        """(N, M): whether the answers may say the same."""
        allowed: NDArray[np.bool_] = self.hashes[:, None] == other.hashes
        allowed |= ~(self.is_exact[:, None] | other.is_exact)
        return allowed

    def cut(self, rows: slice) -> AnswerKeys:
        return AnswerKeys(self.hashes[rows], self.is_exact[rows])


class MeaningSpace:
    """Vectors that others are compared with.

    Two count as alike only as far as they are so without the mean of all, too: a template that all prompts share
    brings any two of them together (Mu & Viswanath, "All-but-the-Top", 2018).
    """

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors
        is_telling = len(vectors) >= FEWEST_ROWS
        self._mean = vectors.mean(axis=0) if is_telling else np.zeros(vectors.shape[1], np.float32)
        self._lengths = self._measure(vectors)

    def compare(self, vectors: Vectors) -> NDArray[np.float32]:
        """(M, N): the lower one of the cosines with and without the mean."""
        cosines = vectors @ self.vectors.T
        shared = (vectors @ self._mean)[:, None] + self.vectors @ self._mean - self._mean @ self._mean
        centred = (cosines - shared) / (self._measure(vectors)[:, None] * self._lengths)
        lower: NDArray[np.float32] = np.minimum(cosines, centred)
        return lower

    def _measure(self, vectors: Vectors) -> NDArray[np.float32]:
        lengths: NDArray[np.float32] = np.linalg.norm(vectors - self._mean, axis=1)
        return np.maximum(lengths, np.float32(1e-6))


class Meanings:
    """What a file's rows ask for, gathered row by row: 1.5 KB a row, which is for files that are worth it."""

    def __init__(self, embed: Embed) -> None:
        self.lines: list[int] = []
        self.titles: list[str] = []
        self._embed = embed
        self._sketches = SketchColumn()
        self._waiting: list[str] = []
        self._batches: list[Vectors] = []
        self._prompts: list[str] = []
        self._answers: list[tuple[int, bool]] = []

    def add(self, example: Example) -> None:
        row = read_row_text(example.conversation)
        self.lines.append(example.line)
        self.titles.append(cut_text(row.prompt))
        self._sketches.add(row)
        self._prompts.append(example.prompt_fingerprint)
        self._answers.append(key_answer(row.answer))
        self._waiting.append(row.prompt)
        if len(self._waiting) == EMBED_ROWS:
            self._embed_waiting()

    def vectors(self) -> Vectors:
        """(N, D), of the prompts."""
        if self._waiting:
            self._embed_waiting()
        return np.concatenate(self._batches) if self._batches else np.empty((0, 1), np.float32)

    def find_alike(self) -> list[Pair]:
        """Those in other words: neither the same prompt again, nor near-duplicates by their words."""
        sketches = self._sketches.finish()
        return [
            pair
            for pair in find_alike(self.vectors(), gather_keys(self._answers))
            if self._prompts[pair.first] != self._prompts[pair.second]
            and estimate_similarity(sketches[pair.first], sketches[pair.second]) < NEAR
        ]

    def _embed_waiting(self) -> None:
        self._batches.append(self._embed(self._waiting))
        self._waiting.clear()


def find_alike(vectors: Vectors, answers: AnswerKeys, *, threshold: float = ALIKE) -> Iterator[Pair]:
    """For each row that is like an earlier one, the first such. Time is quadratic in the rows, memory is not."""
    space = MeaningSpace(vectors)
    for start in range(0, len(vectors), EMBED_ROWS):
        rows = slice(start, start + EMBED_ROWS)
        cosines = space.compare(vectors[rows])
        is_alike = (cosines >= threshold) & answers.cut(rows).allow(answers)
        firsts = is_alike.argmax(axis=1)
        for offset, first in enumerate(firsts.tolist()):
            if first < start + offset and is_alike[offset, first]:
                yield Pair(first, start + offset, float(cosines[offset, first]))


def key_answer(answer: str) -> tuple[int, bool]:
    """A hash of the answer, and whether only an equal one says the same."""
    is_short = len(find_words(answer).starts) <= SHORT_WORDS
    digest = hashlib.blake2b(answer.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True), is_short or holds_json(answer)


def gather_keys(keys: Sequence[tuple[int, bool]]) -> AnswerKeys:
    hashes = np.array([key for key, _ in keys], np.int64)
    return AnswerKeys(hashes, np.array([is_exact for _, is_exact in keys], bool))
