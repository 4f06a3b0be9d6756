"""Test rows and texts that a prompt may show go in; each row that stands there with its answer comes out.

Knowledge from which an answer follows is what documents are for, and no copy: a copy has the question, in the test's
own words or nearly so, and right behind it the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from math import ceil
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from luthier.advise.prompts import Question, read_asked
from luthier.data.likeness.shingles import (
    FEWEST_SHARING,
    OWN_SHINGLES,
    SHARED_FRACTION,
    find_words,
    hash_texts,
)
from luthier.data.likeness.similarity import NEAR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from luthier.advise.retrieval.passages import Passage
    from luthier.data.likeness.shingles import HashedTexts
    from luthier.evaluation.task import Sample

NEAR_SHARE = 2 * NEAR / (1 + NEAR)
"""Of a row's word pairs that another of its length holds when their similarity, common pairs of all, is NEAR."""

LEAST_SHARE = 0.75
"""Of the pairs of either the question or the answer: the one must not make up for the other."""

SHORTEST_QUESTION = 3
SHORTEST_COPY = 5
"""Words, of a question and of it with its answer: fewer stand together by chance."""

GAP = 12
"""Words that may part a question and its answer, such as the names of roles."""

SLACK = 1.25
"""A changed text may be so much longer, and two words more."""


ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrt])")
"""As JSON writes a character that is no letter of ASCII: rows are often copied in the form of their file."""


class ShownText(NamedTuple):
    """`lines` are the pieces of the text: from which character on, and the line on which each begins in its source."""

    source: str
    text: str
    lines: tuple[tuple[int, int], ...]


class CopiedRow(NamedTuple):
    """The test row of `line` stands in `source` at about `source_line`, as its `text` shows; `similarity` is the share
    of its word pairs that are there."""

    line: int
    kind: Literal["exact", "near"]
    source: str
    source_line: int
    similarity: float
    text: str

    @property
    def place(self) -> str:
        return f"{self.source}:{self.source_line}" if self.source_line else self.source


@dataclass(frozen=True)
class _Words:
    """Of a question or an answer, as hashes; `shared` are word pairs that many test rows have."""

    tokens: tuple[int, ...]
    shared: frozenset[int]

    @cached_property
    def units(self) -> frozenset[int]:
        """Word pairs, those of its own where there are enough; of a single word the word."""
        if len(self.tokens) == 1:
            return frozenset(self.tokens)
        pairs = frozenset(_pair(self.tokens))
        own = pairs - self.shared
        return own if len(own) >= OWN_SHINGLES else pairs

    @property
    def needed(self) -> int:
        return ceil(LEAST_SHARE * len(self.units))

    @property
    def width(self) -> int:
        return ceil(SLACK * len(self.tokens)) + 2

    def list_units(self, tokens: Sequence[int]) -> Sequence[int]:
        """What stands at each place of a text that this is looked for in."""
        return tokens if len(self.tokens) == 1 else _pair(tokens)


class _Row(NamedTuple):
    line: int
    question: _Words
    answer: _Words


class _Found(NamedTuple):
    """From `start` to before `end` stand so many of the units."""

    start: int
    end: int
    held: int


def read_documents(passages: Iterable[Passage]) -> list[ShownText]:
    """The passages of a document in a row, each heading before what stands under it: there a question often is."""
    texts = []
    for source, group in groupby(passages, key=lambda passage: passage.source):
        parts, lines, length, heading = list[str](), list[tuple[int, int]](), 0, ""
        for passage in group:
            text = passage.searched if passage.heading != heading else passage.text
            heading = passage.heading
            lines.append((length, passage.line))
            parts.append(unescape(text))
            length += len(parts[-1]) + 1
        texts.append(ShownText(source, "\n".join(parts), tuple(lines)))
    return texts


def read_text(text: str, source: str) -> ShownText:
    """A text that is no document, and has no lines to be told."""
    return ShownText(source, unescape(text), ())


def unescape(text: str) -> str:
    if "\\" not in text:
        return text
    plain = ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def find_copies(samples: Sequence[Sample], texts: Sequence[ShownText]) -> tuple[CopiedRow, ...]:
    """For each row that is copied the first place, in the order of the rows."""
    rows = _hash_rows(samples)
    if not rows or not texts:
        return ()
    library = _Library(texts, hash_texts([shown.text for shown in texts]), rows)
    return tuple(copy for row in rows if (copy := library.find(row)) is not None)


class _Library:
    """All texts as one run of hashes, with the places of the word pairs that any question has."""

    def __init__(self, texts: Sequence[ShownText], hashed: HashedTexts, rows: Sequence[_Row]) -> None:
        self._texts = texts
        self._tokens = hashed.tokens.tolist()
        self._markers = hashed.markers
        pairs = np.array(_pair(self._tokens), np.uint64)
        asked = np.array(sorted({unit for row in rows for unit in row.question.units}), np.uint64)
        places = np.flatnonzero(np.isin(pairs, asked))
        self._places: dict[int, list[int]] = {}
        for place, pair in zip(places.tolist(), pairs[places].tolist(), strict=True):
            self._places.setdefault(pair, []).append(place)

    def find(self, row: _Row) -> CopiedRow | None:
        for place in self._list_anchors(row.question):
            text = int(np.searchsorted(self._markers, place, side="right")) - 1
            first, last = int(self._markers[text]) + 1, int(self._markers[text + 1])
            start = max(first, place - row.question.width)
            end = min(last, place + row.question.width + GAP + row.answer.width)
            if found := _match(self._tokens[start:end], row):
                return self._report(row, found, text, start - first)
        return None

    def _list_anchors(self, question: _Words) -> list[int]:
        """Places near which every copy is: of so many pairs, the rarest, not all can be missing from it."""
        places = [self._places.get(unit, []) for unit in question.units]
        places.sort(key=len)
        return sorted(place for some in places[: len(question.units) - question.needed + 1] for place in some)

    def _report(self, row: _Row, found: _Match, text: int, offset: int) -> CopiedRow:
        shown = self._texts[text]
        words = find_words(shown.text)
        start = int(words.starts[min(offset + found.start, len(words.starts) - 1)])
        end = int(words.ends[min(offset + found.end, len(words.ends)) - 1])
        line = max((line for place, line in shown.lines if place <= start), default=0)
        kind: Literal["exact", "near"] = "exact" if found.is_exact else "near"
        return CopiedRow(row.line, kind, shown.source, line, found.similarity, shown.text[start:end])


class _Match(NamedTuple):
    start: int
    end: int
    similarity: float
    is_exact: bool


def _match(tokens: list[int], row: _Row) -> _Match | None:
    """The question, and behind it the answer."""
    for asked in _find_runs(tokens, row.question):
        rest = tokens[asked.end :]
        for told in _find_runs(rest, row.answer):
            share = (asked.held + told.held) / (len(row.question.units) + len(row.answer.units))
            if told.start <= GAP and share >= NEAR_SHARE:
                is_exact = _holds(tokens, row.question.tokens) and _holds(rest, row.answer.tokens)
                return _Match(asked.start, asked.end + told.end, share, is_exact)
    return None


def _find_runs(tokens: Sequence[int], words: _Words) -> Iterator[_Found]:
    """Wherever enough of the units stand close together: up to the last that was not there before."""
    reach = min(len(words.tokens), 2)
    held = [(place, unit) for place, unit in enumerate(words.list_units(tokens)) if unit in words.units]
    for index, (start, _) in enumerate(held):
        first_places: dict[int, int] = {}
        for place, unit in held[index:]:
            if place + reach - start > words.width:
                break
            first_places.setdefault(unit, place)
        if len(first_places) >= words.needed:
            yield _Found(start, max(first_places.values()) + reach, len(first_places))


def _hash_rows(samples: Sequence[Sample]) -> list[_Row]:
    asked = _split([read_asked(Question(sample.prompt, sample.tools)) for sample in samples])
    told = _split([_read_answer(sample) for sample in samples])
    shared = [_find_shared(texts) for texts in (asked, told)]
    return [
        _Row(sample.line, _Words(question, shared[0]), _Words(answer, shared[1]))
        for sample, question, answer in zip(samples, asked, told, strict=True)
        if answer and len(question) >= SHORTEST_QUESTION and len(question) + len(answer) >= SHORTEST_COPY
    ]


def _read_answer(sample: Sample) -> str:
    return "\n".join([sample.reference, *(f"{call.name} {call.arguments}" for call in sample.reference_calls)])


def _split(texts: Sequence[str]) -> list[tuple[int, ...]]:
    hashed = hash_texts(texts)
    tokens, markers = hashed.tokens.tolist(), hashed.markers.tolist()
    return [tuple(tokens[start + 1 : end]) for start, end in pairwise(markers)]


def _find_shared(texts: Sequence[tuple[int, ...]]) -> frozenset[int]:
    """Word pairs of a form that many rows fill in."""
    counts: dict[int, int] = {}
    for tokens in texts:
        for pair in set(_pair(tokens)):
            counts[pair] = counts.get(pair, 0) + 1
    least = max(FEWEST_SHARING, SHARED_FRACTION * len(texts))
    return frozenset(pair for pair, count in counts.items() if count >= least)


def _pair(tokens: Sequence[int]) -> list[int]:
    return [hash((one, other)) & (2**64 - 1) for one, other in pairwise(tokens)]


def _holds(tokens: Sequence[int], run: Sequence[int]) -> bool:
    wanted = list(run)
    return any(list(tokens[start : start + len(run)]) == wanted for start in range(len(tokens) - len(run) + 1))
