"""Questions go in, the texts that fit them best come out: found by their words and by their meaning, and fused.

Words find names, numbers and rare terms; meaning finds what is said otherwise. Neither score can be added to the other,
so their ranks are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import bm25s
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from luthier.engine.protocol import Embed

WORD = re.compile(r"\w+")

RANK_OFFSET = 60
"""The k of reciprocal rank fusion. Source: Cormack, Clarke and Büttcher, SIGIR 2009, 758-759."""

DEPTH = 100
"""Ranks of each list that count; what stands further down hardly changes the sum."""


class Hit(NamedTuple):
    """A text at `place`, counted from 0; ranks count from 1, and None means not among the first DEPTH of that list."""

    place: int
    score: float
    word_rank: int | None
    meaning_rank: int | None


class HybridIndex:
    """Texts are indexed once; `embed` is asked for their vectors at once and for those of all questions together."""

    def __init__(self, texts: Sequence[str], embed: Embed) -> None:
        """Raises ValueError when there is no text, and what `embed` raises."""
        if not texts:
            raise ValueError("there is no text to search in")
        self.size = len(texts)
        self._embed = embed
        self._vectors = embed(texts).vectors
        words = [find_words(text) for text in texts]
        self._vocabulary = {word for found in words for word in found}
        self._lexical = bm25s.BM25() if self._vocabulary else None
        if self._lexical is not None:
            self._lexical.index(words, show_progress=False)

    def search(self, questions: Sequence[str], count: int) -> list[list[Hit]]:
        """The best `count` texts of each question, the best first; of equal ones, the earlier text."""
        if not questions:
            return []
        similarities = self._embed(questions).vectors @ self._vectors.T
        return [
            fuse_ranks(rank_scores(self._score_words(question)), rank_scores(similarity, least=-np.inf))[:count]
            for question, similarity in zip(questions, similarities, strict=True)
        ]

    def _score_words(self, question: str) -> NDArray[np.float32]:
        """(N,). Zero for texts that share no word with the question."""
        known = [word for word in find_words(question) if word in self._vocabulary]
        if self._lexical is None or not known:
            return np.zeros(self.size, np.float32)
        scores: NDArray[np.float32] = self._lexical.get_scores(known)
        return scores


def find_words(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def rank_scores(scores: NDArray[np.float32], *, least: float = 0.0) -> list[int]:
    """Places by falling score, as far as it is above `least`."""
    order = np.argsort(-scores, kind="stable")[:DEPTH]
    return [int(place) for place in order if scores[place] > least]


def fuse_ranks(by_words: Sequence[int], by_meaning: Sequence[int]) -> list[Hit]:
    """Each list gives 1 / (60 + rank) to a place that it names."""
    word_ranks = {place: rank for rank, place in enumerate(by_words, start=1)}
    meaning_ranks = {place: rank for rank, place in enumerate(by_meaning, start=1)}
    scores: defaultdict[int, float] = defaultdict(float)
    for ranks in (word_ranks, meaning_ranks):
        for place, rank in ranks.items():
            scores[place] += 1 / (RANK_OFFSET + rank)
    places = sorted(scores, key=lambda place: (-scores[place], place))
    return [Hit(place, scores[place], word_ranks.get(place), meaning_ranks.get(place)) for place in places]
