"""Train rows go by a test set that is held in memory; out comes every overlap of the two, with what they share."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from luthier.data.likeness.held_rows import AlikeRows, Batch, EqualRows, Match, NearRows
from luthier.data.likeness.passages import PassageIndex, find_common_run
from luthier.data.likeness.shingles import find_words, hash_texts
from luthier.data.likeness.sketches import BATCH_ROWS, comparable_text, hash_rows, read_row_text
from luthier.data.profile import holds_json, system_prompt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from luthier.conversation import Message
    from luthier.data.dataset import Dataset, Example
    from luthier.data.likeness.held_rows import OverlapKind
    from luthier.data.likeness.meaning import Embed

KINDS: tuple[OverlapKind, ...] = ("row", "prompt", "near", "meaning", "passage")
"""The strongest first: two rows overlap in one way only."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """`similarity` is that of the words, and the cosine for a "meaning".

    `text` is what the rows share, as the test row writes it: the prompt, or the longest run of words in common. For a
    "meaning" it is the prompt of the test.
    """

    kind: OverlapKind
    train_line: int
    test_line: int
    test_file: str
    similarity: float
    text: str

    @property
    def word_count(self) -> int:
        return len(find_words(self.text).starts)


def find_overlaps(train: Iterable[Example], test: Dataset, *, embed: Embed | None = None) -> Iterator[Overlap]:
    """For each train row the overlap with the test row that it is most like, and with those that none was like before.

    So rows that the other side knows are named, on both sides, however often they are repeated; only where crowds of
    near-duplicates meet, some of the test's may be left out.
    """
    finder = OverlapFinder(test, embed=embed)
    for example in train:
        yield from finder.add(example)
    yield from finder.finish()


class OverlapFinder:
    """`find_overlaps` for a pass that somebody else makes over the train rows; they are not kept."""

    def __init__(self, test: Dataset, *, embed: Embed | None = None) -> None:
        self._test = test
        self._rows = [read_row_text(example.conversation) for example in test.examples]
        self._texts = [comparable_text(example.conversation) for example in test.examples]
        systems = sorted({system_prompt(example) for example in test.examples})
        answers = [_read_prose(example.conversation.answer) for example in test.examples]
        self._passages = PassageIndex([row.prompt for row in self._rows], answers, systems)
        self._equal = EqualRows(test.examples)
        self._near: NearRows | None = None
        self._alike = AlikeRows(self._rows, embed) if embed and self._rows else None
        self._waiting: list[Example] = []
        self._named: set[int] = set()
        self._reported: set[tuple[int, int]] = set()

    def add(self, example: Example) -> Iterator[Overlap]:
        """Now and then, what the rows so far share with the test."""
        self._waiting.append(example)
        if len(self._waiting) == BATCH_ROWS:
            yield from self._search_waiting()

    def finish(self) -> Iterator[Overlap]:
        """The rest, and all passages: only the whole file shows which of them are boilerplate."""
        if self._waiting:
            yield from self._search_waiting()
        for line, group in groupby(self._passages.finish(), key=lambda quotation: quotation.line):
            longest_first = sorted(group, key=lambda quotation: (-len(quotation.text), quotation.held))
            texts = {found.held: found.text for found in longest_first if (line, found.held) not in self._reported}
            for match in self._select(Match("passage", 0, held) for held in texts):
                yield self._report(match, line, texts[match.held])

    def _search_waiting(self) -> Iterator[Overlap]:
        examples, self._waiting = self._waiting, []
        if not self._rows:
            return
        rows = [read_row_text(example.conversation) for example in examples]
        texts = [comparable_text(example.conversation) for example in examples]
        batch = Batch(examples, rows, hash_rows(rows))
        self._near = self._near or NearRows(self._rows, batch)
        self._passages.search(hash_texts(texts), [example.line for example in examples])
        matches = [*self._equal.search(batch), *self._near.search(batch)]
        matches += self._alike.search(batch) if self._alike else ()
        matches.sort(key=lambda match: (match.query, KINDS.index(match.kind), -match.similarity, match.held))
        for query, group in groupby(matches, key=lambda match: match.query):
            for match in self._select(group):
                is_near = match.kind == "near"
                text = (
                    find_common_run(self._texts[match.held], texts[query]) if is_near else self._rows[match.held].prompt
                )
                yield self._report(match, examples[query].line, text)

    def _select(self, matches: Iterable[Match]) -> list[Match]:
        """Of one train row's, the strongest first: that one, and those with test rows that have not been named."""
        strongest: dict[int, Match] = {}
        for match in matches:
            strongest.setdefault(match.held, match)
        selected = [*strongest.values()]
        selected = selected[:1] + [match for match in selected[1:] if match.held not in self._named]
        self._named.update(match.held for match in selected)
        return selected

    def _report(self, match: Match, train_line: int, text: str) -> Overlap:
        self._reported.add((train_line, match.held))
        test_line = self._test.examples[match.held].line
        return Overlap(match.kind, train_line, test_line, str(self._test.path), match.similarity, text)


def _read_prose(answer: Message) -> str:
    """ "" for JSON and calls: their keys make many words in a row that quote nobody."""
    return "" if answer.tool_calls or holds_json(answer.content) else answer.content
