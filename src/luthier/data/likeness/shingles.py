"""Texts become 64-bit hashes of their words and of word pairs, the same on every machine and in every process.

Case, punctuation and spacing do not count. A whole batch of texts is hashed by a few numpy calls.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    Positions = NDArray[np.intp]

PASSAGE_WORDS = 13
"""Words in a row that two texts share by quotation, not by chance: the n-gram by which GPT-3's data was cleaned."""

SHARED_FRACTION = 0.05
FEWEST_SHARING = 10
"""A passage in this share of the texts, and in so many, is part of a template."""

OWN_SHINGLES = 4
"""What a text must hold besides a template for its likeness to be measured without it: less is a copy with a change."""

NO_BOILERPLATE = np.empty(0, np.uint64)

_BASE = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(int(_BASE), -1, 2**64))
_MARKER = np.uint64(0x2545F4914F6CDD1D)
_SEPARATOR, _LETTER, _LONE = range(3)
_PLANES = 0x20000
"""Code points that are looked up; nearly all letters beyond them are Chinese."""


class Spans(NamedTuple):
    """Word i of a text is `text[starts[i]:ends[i]]`."""

    starts: Positions
    ends: Positions


class Passages(NamedTuple):
    """Each begins at the token `starts[i]`, in text `texts[i]`."""

    hashes: Hashes
    starts: Positions
    texts: Positions


class Shingles(NamedTuple):
    """Of all texts in a row; those of each text, at least one, begin at `starts`."""

    hashes: Hashes
    starts: Positions

    def of_text(self, text: int) -> Hashes:
        ends = self.starts[text + 1 : text + 2]
        return self.hashes[self.starts[text] : ends[0] if ends.size else None]


@dataclass(frozen=True, slots=True)
class HashedTexts:
    """The words of all texts in a row, with a marker before each text and after the last.

    `tokens` are (T,); text i has the tokens between `markers[i]` and `markers[i + 1]`.
    """

    tokens: Hashes
    markers: Positions

    def head(self, count: int) -> HashedTexts:
        """The first `count` texts."""
        markers = self.markers[: count + 1]
        return HashedTexts(self.tokens[: markers[-1] + 1], markers)

    def shingles(self, *, boilerplate: Hashes = NO_BOILERPLATE) -> Shingles:
        """Hashes of adjacent words, markers among them; without boilerplate where enough is left."""
        hashes, starts = mix_bits(self.tokens[:-1] * _BASE + self.tokens[1:]), self.markers[:-1]
        if not boilerplate.size:
            return Shingles(hashes, starts)
        is_kept = ~np.isin(hashes, boilerplate)
        is_copy = np.add.reduceat(is_kept, starts, dtype=np.intp) < OWN_SHINGLES
        is_kept |= np.repeat(is_copy, np.diff(self.markers))
        counts = np.add.reduceat(is_kept, starts, dtype=np.intp)
        return Shingles(hashes[is_kept], np.cumsum(counts) - counts)

    def passages(self, word_count: int = PASSAGE_WORDS) -> Passages:
        """All runs of so many words within a text."""
        count = max(0, len(self.tokens) - word_count + 1)
        # As for a word: the difference of two prefix sums, taken back to the power of 0.
        prefixes = np.zeros(len(self.tokens) + 1, np.uint64)
        np.cumsum(self.tokens * _list_powers(_BASE, len(self.tokens)), out=prefixes[1:])
        sums = prefixes[word_count : word_count + count] - prefixes[:count]
        hashes = mix_bits(sums * _list_powers(_INVERSE, count) + np.uint64(word_count))
        is_marker = np.zeros(len(self.tokens) + 1, np.intp)
        is_marker[self.markers + 1] = 1
        passed = np.cumsum(is_marker)
        is_inside = passed[word_count : word_count + count] == passed[:count]
        return Passages(hashes[is_inside], np.flatnonzero(is_inside), passed[:count][is_inside] - 1)


def find_words(text: str) -> Spans:
    """Runs of letters, digits and underscores, and single symbols such as +, $ or an emoji; punctuation is none.

    Chinese and Japanese put no space between words, so each of their characters counts as one.
    """
    kinds = _kinds_of_characters()[np.minimum(_code_points(text), _PLANES)]
    is_letter = np.concatenate(([False], kinds == _LETTER, [False]))
    is_lone = kinds == _LONE
    starts = np.flatnonzero(is_lone | (is_letter[1:-1] & ~is_letter[:-2]))
    ends = np.flatnonzero(is_lone | (is_letter[1:-1] & ~is_letter[2:])) + 1
    return Spans(starts, ends)


def fold_text(text: str) -> str:
    """In compatibility form (NFKC) without case: what is compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def hash_texts(texts: Sequence[str]) -> HashedTexts:
    folded = [fold_text(text) for text in texts]
    joined = "\n".join(folded)
    spans = find_words(joined)
    # A word is a polynomial in its characters: the difference of two prefix sums, taken back to the power of 0.
    prefixes = np.zeros(len(joined) + 1, np.uint64)
    np.cumsum(_code_points(joined) * _list_powers(_BASE, len(joined)), out=prefixes[1:])
    shifts = _list_powers(_INVERSE, len(joined) + 1)[spans.starts]
    words = mix_bits((prefixes[spans.ends] - prefixes[spans.starts]) * shifts)
    text_ends = np.cumsum([len(text) + 1 for text in folded])
    counts = np.searchsorted(spans.starts, np.append(0, text_ends))
    return HashedTexts(np.insert(words, counts, _MARKER), counts + np.arange(len(counts)))


def find_boilerplate(hashed: HashedTexts) -> Hashes:
    """The sorted shingles of passages that so many of the texts share that they must come from a template."""
    passages = hashed.passages()
    order = np.lexsort((passages.texts, passages.hashes))
    hashes, texts = passages.hashes[order], passages.texts[order]
    is_new = np.append(True, (hashes[1:] != hashes[:-1]) | (texts[1:] != texts[:-1]))[: len(hashes)]
    values, counts = np.unique(hashes[is_new], return_counts=True)
    shared = values[counts >= max(FEWEST_SHARING, SHARED_FRACTION * (len(hashed.markers) - 1))]
    starts = passages.starts[np.isin(passages.hashes, shared)]
    is_marker = hashed.tokens == _MARKER
    changes = np.zeros(len(hashed.tokens) + 1, np.intp)
    np.add.at(changes, starts - is_marker[starts - 1], 1)
    np.add.at(changes, starts + PASSAGE_WORDS - 1 + is_marker[starts + PASSAGE_WORDS], -1)
    return np.unique(hashed.shingles().hashes[np.cumsum(changes)[: len(hashed.tokens) - 1] > 0])


def mix_bits(values: Hashes) -> Hashes:
    """SplitMix64's finaliser (Steele, Lea & Flood 2014): every input bit changes each output bit half of the time."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _list_powers(base: np.uint64, count: int) -> Hashes:
    powers = np.full(count, base)
    powers[:1] = 1
    return np.cumprod(powers, out=powers)


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


@cache
def _kinds_of_characters() -> NDArray[np.uint8]:
    """By code point; the last entry stands for all beyond the table."""
    kinds = np.array([_LETTER if chr(code).isalnum() else _SEPARATOR for code in range(_PLANES + 1)], np.uint8)
    kinds[ord("_")] = _LETTER
    others = np.flatnonzero(kinds == _SEPARATOR).tolist()
    kinds[[code for code in others if unicodedata.category(chr(code)) in ("Sm", "Sc", "So")]] = _LONE
    kinds[[ord(operator) for operator in "*/%"]] = _LONE
    kinds[ord("|")] = _SEPARATOR
    for first, last in ((0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (_PLANES, _PLANES)):
        kinds[first : last + 1][kinds[first : last + 1] == _LETTER] = _LONE
    return kinds
