"""Texts that are held become an index of their passages, which finds where other texts quote them.

A passage is 13 words in a row, as in the cleaning of GPT-3's training data (Brown et al. 2020, appendix C), or a whole
prompt of 8 words or more. What many rows hold is boilerplate, and quotes nobody.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.data.likeness.shingles import PASSAGE_WORDS, find_words, hash_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from luthier.data.likeness.shingles import HashedTexts, Hashes, Positions

SHORTEST_WORDS = 8
"""Of a prompt that is looked for as a whole, and of a quotation besides boilerplate: fewer are repeated by chance."""

FREQUENT_ROWS = 10
FREQUENT_FRACTION = 0.01
"""A passage in more than so many rows, and in more than this share of them, is boilerplate."""


class Quotation(NamedTuple):
    """Of words in the held row number `held`, by the row `line`."""

    line: int
    held: int
    text: str


class Span(NamedTuple):
    """Of words, from `start` to before `end`."""

    start: int
    end: int


class _Places(NamedTuple):
    """Where each passage stands, by its hash: the text, the word in it, and the number of words; (P,) each."""

    hashes: Hashes
    texts: Positions
    words: Positions
    lengths: Positions

    def take(self, rows: Positions) -> _Places:
        return _Places(self.hashes[rows], self.texts[rows], self.words[rows], self.lengths[rows])


class PassageIndex:
    """Gathers quotations; which of them are boilerplate is known only after the last row."""

    def __init__(self, prompts: Sequence[str], answers: Sequence[str], boilerplate: Sequence[str]) -> None:
        """Of held rows, a prompt and an answer each. What is in `boilerplate` is no passage of theirs."""
        self._texts = [*prompts, *answers]
        self._places = _find_places(self._texts, len(prompts), boilerplate)
        self._hashes, self._starts = np.unique(self._places.hashes, return_index=True)
        self._lengths = sorted({*self._places.lengths.tolist()})
        self._counts = _count_texts(self._places, self._hashes)
        self._held_count = self._row_count = len(prompts)
        self._found: list[tuple[int, Positions]] = []

    def search(self, hashed: HashedTexts, lines: Sequence[int]) -> None:
        """Notes which passages the texts quote; `lines` are their names."""
        self._row_count += len(lines)
        for row, found in self._look_up(hashed):
            self._counts[found] += 1
            # A passage that is boilerplate by now stays it, but for a file whose share of it falls: a few are lost.
            kept = found[self._counts[found] <= self._limit()]
            if kept.size:
                self._found.append((lines[row], kept))

    def finish(self) -> Iterator[Quotation]:
        """For each row and held row the longest run of words in common, in the order of the rows."""
        limit = self._limit()
        boilerplate = {
            text: {word for span in spans for word in range(*span)}
            for text, spans in self._locate(np.flatnonzero(self._counts > limit)).items()
        }
        for line, found in self._found:
            runs: dict[int, str] = {}
            for text, spans in self._locate(found[self._counts[found] <= limit]).items():
                for span in _join_spans(spans):
                    # A passage that is boilerplate but for its last words is boilerplate that goes on alike by chance.
                    if len({*range(*span)} - boilerplate.get(text, set())) >= SHORTEST_WORDS:
                        run = _cut_words(self._texts[text], *span)
                        runs[text % self._held_count] = max(runs.get(text % self._held_count, ""), run, key=len)
            yield from (Quotation(line, held, run) for held, run in sorted(runs.items()))

    def _locate(self, passages: Positions) -> dict[int, list[Span]]:
        """From which word to which they stand in each text."""
        spans: dict[int, list[Span]] = {}
        for passage in passages.tolist():
            for place in self._list_places(passage):
                start, length = int(self._places.words[place]), int(self._places.lengths[place])
                spans.setdefault(int(self._places.texts[place]), []).append(Span(start, start + length))
        return spans

    def _limit(self) -> float:
        return max(FREQUENT_ROWS, FREQUENT_FRACTION * self._row_count)

    def _list_places(self, passage: int) -> range:
        is_last = passage + 1 == len(self._starts)
        return range(
            int(self._starts[passage]), len(self._places.hashes) if is_last else int(self._starts[passage + 1])
        )

    def _look_up(self, hashed: HashedTexts) -> Iterator[tuple[int, Positions]]:
        """The texts that quote anything, each with the passages, by their place among all."""
        if not len(self._hashes):
            return
        found: list[Positions] = []
        rows: list[Positions] = []
        for length in self._lengths:
            passages = hashed.passages(length)
            places = np.minimum(np.searchsorted(self._hashes, passages.hashes), len(self._hashes) - 1)
            is_held = self._hashes[places] == passages.hashes
            found.append(places[is_held])
            rows.append(passages.texts[is_held])
        pairs = np.unique(np.stack([np.concatenate(rows), np.concatenate(found)], axis=1), axis=0)
        for row, group in groupby(pairs.tolist(), key=lambda pair: pair[0]):
            yield row, np.array([passage for _, passage in group], np.intp)


def find_common_run(text: str, other: str) -> str:
    """The longest run of words that both hold, as the first writes it; "" when they share no word."""
    one, two = hash_texts([text]), hash_texts([other])
    low, high, start = 0, min(len(one.tokens), len(two.tokens)) - 2, 0
    while low < high:
        middle = (low + high + 1) // 2
        passages = one.passages(middle)
        is_shared = np.isin(passages.hashes, two.passages(middle).hashes)
        if is_shared.any():
            low, start = middle, int(passages.starts[is_shared.argmax()]) - 1
        else:
            high = middle - 1
    return _cut_words(text, start, start + low) if low else ""


def _find_places(texts: Sequence[str], prompt_count: int, boilerplate: Sequence[str]) -> _Places:
    """Prompts come first among the texts."""
    hashed, known = hash_texts(texts), hash_texts(boilerplate)
    parts: list[_Places] = []
    for length in range(SHORTEST_WORDS, PASSAGE_WORDS + 1):
        hashes, starts, owners = hashed.passages(length)
        words = starts - hashed.markers[owners] - 1
        is_taken = ~np.isin(hashes, known.passages(length).hashes)
        if length < PASSAGE_WORDS:
            is_taken &= (np.diff(hashed.markers)[owners] - 1 == length) & (owners < prompt_count)
        parts.append(_Places(hashes, owners, words, np.full(len(hashes), length)).take(np.flatnonzero(is_taken)))
    places = _Places(
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([part.texts for part in parts]),
        np.concatenate([part.words for part in parts]),
        np.concatenate([part.lengths for part in parts]),
    )
    return places.take(np.argsort(places.hashes, kind="stable"))


def _count_texts(places: _Places, hashes: Hashes) -> NDArray[np.intp]:
    """In how many held texts each passage stands."""
    pairs = np.unique(np.stack([np.searchsorted(hashes, places.hashes), places.texts], 1), axis=0)
    return np.bincount(pairs[:, 0], minlength=len(hashes))


def _join_spans(spans: list[Span]) -> list[Span]:
    """The runs that overlapping spans form together."""
    runs: list[Span] = []
    for span in sorted(spans):
        if runs and span.start <= runs[-1].end:
            runs[-1] = Span(runs[-1].start, max(span.end, runs[-1].end))
        else:
            runs.append(span)
    return runs


def _cut_words(text: str, start: int, end: int) -> str:
    """As the text writes them; all of it where folding has changed the number of words."""
    spans = find_words(text)
    if end > len(spans.starts):
        return text
    return text[spans.starts[start] : spans.ends[end - 1]]
