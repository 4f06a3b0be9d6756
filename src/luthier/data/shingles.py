"""Texts become 64-bit hashes of their words and of word pairs, the same on every machine and in every process.

Case, punctuation and spacing do not count. Whole batches are hashed at once: a batch costs a few numpy calls.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

# Chinese and Japanese put no space between words: each of their characters counts as one. Longer words are cut.
_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff"
WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]{{1,64}}")

COMMON_FRACTION = 0.5
"""A word pair in so large a share of the rows is part of a template, and says nothing about likeness."""

FEWEST_TEXTS = 20
"""Below this many texts, what is common to half of them may be chance."""

_MARKER = "\n"
_BASE = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class HashedTexts:
    """The words of all texts in a row, with a marker before each text and after the last.

    `tokens` are (T,); text i has the tokens between `markers[i]` and `markers[i + 1]`.
    """

    tokens: Hashes
    markers: NDArray[np.intp]

    def shingles(self) -> Hashes:
        """Hashes of adjacent words, markers among them; those of text i are `[markers[i]:markers[i + 1]]`."""
        return mix_bits(self.tokens[:-1] * _BASE + self.tokens[1:])

    def passages(self, length: int) -> tuple[Hashes, NDArray[np.intp]]:
        """Hashes of all runs of `length` words within a text, and the token at which each begins."""
        count = max(0, len(self.tokens) - length + 1)
        hashes = np.zeros(count, np.uint64)
        for offset in range(length):
            hashes *= _BASE
            hashes += self.tokens[offset : offset + count]
        is_marker = np.zeros(len(self.tokens) + 1, np.intp)
        is_marker[self.markers + 1] = 1
        passed = np.cumsum(is_marker)
        starts = np.flatnonzero(passed[length : length + count] == passed[:count])
        return mix_bits(hashes[starts]), starts


def list_words(text: str) -> list[str]:
    """In lower case and compatibility form (NFKC)."""
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def hash_texts(texts: Sequence[str]) -> HashedTexts:
    joined = "".join([f"{_MARKER} {line} " if (line := " ".join(list_words(text))) else f"{_MARKER} " for text in texts])
    data = np.frombuffer(f"{joined}{_MARKER}".encode("utf-8", "surrogatepass"), np.uint8)
    ends = np.append(np.flatnonzero(data == ord(" ")), len(data))
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    # A polynomial in the bytes of each word; the space at its end is taken along as a factor of 0.
    powers = np.cumprod(np.full(lengths.max() + 1, _BASE))
    offsets = np.arange(len(data)) - np.repeat(starts, np.append(lengths[:-1] + 1, lengths[-1]))
    terms = data * powers[offsets]
    terms[ends[:-1]] = 0
    tokens = mix_bits(np.add.reduceat(terms, starts))
    return HashedTexts(tokens, np.flatnonzero(data[starts] == ord(_MARKER)))


def shingle(text: str) -> Hashes:
    """The sorted set of hashes of a text's adjacent words, its start and end counting as words."""
    return np.unique(hash_texts([text]).shingles())


def find_boilerplate(hashed: HashedTexts) -> Hashes:
    """The sorted shingles that at least half of the texts have in common."""
    text_count = len(hashed.markers) - 1
    if text_count < FEWEST_TEXTS:
        return np.empty(0, np.uint64)
    shingles = hashed.shingles()
    owners = np.repeat(np.arange(text_count), np.diff(hashed.markers))
    order = np.lexsort((owners, shingles))
    shingles, owners = shingles[order], owners[order]
    is_new = np.append(True, (shingles[1:] != shingles[:-1]) | (owners[1:] != owners[:-1]))
    values, counts = np.unique(shingles[is_new], return_counts=True)
    return values[counts >= COMMON_FRACTION * text_count]


def mix_bits(values: Hashes) -> Hashes:
    """SplitMix64's finaliser (Steele, Lea & Flood 2014): every input bit changes each output bit half of the time."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
