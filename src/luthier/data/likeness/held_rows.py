"""Rows that are held in memory say for a batch of others which of them those are like, and how."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from luthier.conversation import Conversation
from luthier.data.likeness.meaning import ALIKE, MeaningSpace, gather_keys, key_answer
from luthier.data.likeness.similarity import MARGIN, NEAR, ShingledRows, find_first
from luthier.data.likeness.sketch_index import SketchIndex
from luthier.data.likeness.sketches import (
    comparable_text,
    find_row_boilerplate,
    hash_rows,
    read_row_text,
    sketch_hashed,
)
from luthier.data.profile import system_prompt
from luthier.data.splits.bonds import fold_prose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.data.dataset import Example
    from luthier.data.likeness.meaning import Embed
    from luthier.data.likeness.sketches import HashedRows, RowText

OverlapKind = Literal["row", "prompt", "near", "passage", "meaning"]


class Match(NamedTuple):
    """The row at `query` in the batch is like the row at `held`."""

    kind: OverlapKind
    query: int
    held: int
    similarity: float = 1.0


class Batch(NamedTuple):
    examples: Sequence[Example]
    rows: Sequence[RowText]
    hashed: HashedRows


class EqualRows:
    """Finds the same rows, and the same prompts whatever their case, spacing and punctuation.

    A system prompt that one held row alone has may be all that it is about, and has to be the same, too.
    """

    def __init__(self, held: Sequence[Example]) -> None:
        uses = Counter(system_prompt(example) for example in held)
        self._own_systems = [
            fold_prose(text) if uses[text := system_prompt(example)] == 1 and len(held) > 1 else "" for example in held
        ]
        self._rows: dict[str, list[int]] = {}
        self._prompts: dict[str, list[int]] = {}
        for index, example in enumerate(held):
            self._rows.setdefault(example.content_fingerprint, []).append(index)
            self._prompts.setdefault(fold_prose(read_row_text(example.conversation).prompt), []).append(index)

    def search(self, batch: Batch) -> Iterator[Match]:
        """Of several held rows that are equal, all for the first row that is like them, and one for each after it."""
        for query, example in enumerate(batch.examples):
            yield from (Match("row", query, held) for held in _take(self._rows, example.content_fingerprint))
            system = fold_prose(system_prompt(example))
            for prompt in _list_prompts(example):
                for held in _take(self._prompts, prompt):
                    if self._own_systems[held] in ("", system):
                        yield Match("prompt", query, held)


class NearRows:
    """Finds rows that use nearly the same words; each is verified exactly."""

    def __init__(self, rows: Sequence[RowText], first: Batch) -> None:
        """Templates are learned from the held rows and from the first batch."""
        hashed = hash_rows(rows)
        self._boilerplate = np.union1d(find_row_boilerplate(hashed), find_row_boilerplate(first.hashed))
        self._shingled = ShingledRows(hashed, self._boilerplate)
        sketches = sketch_hashed(hashed, self._boilerplate)
        first_of = find_first(sketches)
        self._originals = np.flatnonzero(first_of == np.arange(len(rows)))
        self._index = SketchIndex(sketches[self._originals], NEAR - MARGIN)
        self._new: dict[int, list[int]] = {}
        for index, original in enumerate(first_of.tolist()):
            self._new.setdefault(original, []).append(index)

    def search(self, batch: Batch) -> Iterator[Match]:
        """For each row the held row that it is most like, and all held rows that none was like before."""
        sketches = sketch_hashed(batch.hashed, self._boilerplate)
        shingled = ShingledRows(batch.hashed, self._boilerplate)
        for query, group in groupby(self._index.search(sketches), key=lambda found: found.query):
            is_found = False
            for candidate in group:
                original = int(self._originals[candidate.held])
                new = self._new.get(original, [])
                if is_found and not new:
                    continue
                similarity = shingled[query].measure(self._shingled[original])
                if similarity >= NEAR:
                    is_found = True
                    yield from (Match("near", query, held, similarity) for held in new or [original])
                    self._new.pop(original, None)


class AlikeRows:
    """Finds rows that ask for the same in other words."""

    def __init__(self, rows: Sequence[RowText], embed: Embed) -> None:
        self._embed = embed
        self._space = MeaningSpace(embed([row.prompt for row in rows]))
        self._answers = gather_keys([key_answer(row.answer) for row in rows])
        self._is_new = np.ones(len(rows), bool)

    def search(self, batch: Batch) -> Iterator[Match]:
        """The held row that each row is most like, and each held row with the first that is like it."""
        cosines = self._space.compare(self._embed([row.prompt for row in batch.rows]))
        answers = gather_keys([key_answer(row.answer) for row in batch.rows])
        is_alike = (cosines >= ALIKE) & answers.allow(self._answers)
        queries = np.flatnonzero(is_alike.any(axis=1))
        new = np.flatnonzero(is_alike.any(axis=0) & self._is_new)
        self._is_new[new] = False
        pairs = {*zip(queries.tolist(), np.where(is_alike, cosines, -1).argmax(axis=1)[queries].tolist(), strict=True)}
        pairs |= {*zip(is_alike.argmax(axis=0)[new].tolist(), new.tolist(), strict=True)}
        for query, held in sorted(pairs):
            yield Match("meaning", query, held, float(cosines[query, held]))


def _take(index: dict[str, list[int]], key: str) -> list[int]:
    found = index.get(key, [])
    if len(found) > 1:
        index[key] = found[:1]
    return found


def _list_prompts(example: Example) -> set[str]:
    """What each of the assistant's answers answers, folded: a test may ask what a train row asks on its way."""
    messages = example.conversation.messages
    return {
        fold_prose(comparable_text(Conversation(messages[:index])))
        for index, message in enumerate(messages)
        if message.role == "assistant"
    }
