"""LD90x: rows that say again what another row says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.data.likeness.meaning import Meanings
from luthier.data.likeness.similarity import find_similar
from luthier.data.lint.rule import Rule
from luthier.data.lint.table import Table, find_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from luthier.data.finding import Finding
    from luthier.data.likeness.similarity import Pair

MANY_ROWS = 100
MOST_FRACTION = 0.5
"""Of the rows: where more are like another, a list of lines would say less than that."""

ALL_FRACTION = 0.995
"""What is shown as 100 %."""


class ExactDuplicate(Rule[Table]):
    """A row with the same content as an earlier one, however it is spaced."""

    code = "LD901"
    name = "exact-duplicate"
    severity = "warning"
    why = "it counts twice in training and makes the data look larger than it is"
    example = "lines 3 and 17 hold the same messages"
    hint = "delete the row, unless the repetition is meant"
    fix = "drops the row and keeps the first one that is like it"

    def check(self, subject: Table) -> Iterator[Finding]:
        for index, first in enumerate(find_first(subject.contents)):
            if first != index:
                text = f"the row is the same as line {subject.line(first)}"
                yield self.finding(subject.line(index), text, related=subject.line(first))

    def mend(self, row: dict[str, Any]) -> dict[str, Any] | None:
        return None


class NearDuplicate(Rule[Table]):
    """A row that says nearly the same as another one: other case or punctuation, an added "please", another word."""

    code = "LD902"
    name = "near-duplicate"
    severity = "warning"
    why = "it teaches little that the other row does not, and after a split one of the two may stand in the test"
    example = "`Rate this book four of 6` on line 3 and `Please rate this book four of 6!` on line 17, answered alike"
    hint = "keep the better one of the two, or change one so that it teaches something else"

    def check(self, subject: Table) -> Iterator[Finding]:
        first_of, prompts = find_first(subject.contents), subject.prompts
        pairs = keep_closest(
            pair
            for pair in find_similar(subject.sketches.finish())
            # LD901 speaks of copies of a row, LD401 of other answers to the same prompt.
            if first_of[pair.second] == pair.second and prompts[pair.first] != prompts[pair.second]
        )
        if are_most(pairs, len(subject.lines)):
            text = f"{len(pairs):,} of {len(subject.lines):,} rows have nearly the same words as another"
            hint = "words that all rows share belong in the system prompt; rows that are copies of few should go"
            yield self.finding(None, text, hint=hint)
            return
        for first, second, similarity in pairs:
            share = f"about {similarity:.0%} the" if similarity < ALL_FRACTION else "the"
            text = f"the row has {share} same words as line {subject.line(first)}"
            yield self.finding(subject.line(second), text, related=subject.line(first))


class SameMeaning(Rule[Meanings]):
    """A prompt that asks in other words what another asks, and is not answered otherwise; only with `--semantic`."""

    code = "LD904"
    name = "same-meaning"
    severity = "warning"
    why = "it teaches little that the other row does not, and after a split one of the two may stand in the test"
    example = "`Is it going to be colder in Bonnie` on line 3 and `Will Bonnie get colder?` on line 17"
    hint = "read both rows, and keep the better one if they ask for the same"

    def check(self, subject: Meanings) -> Iterator[Finding]:
        pairs = keep_closest(subject.find_alike())
        if are_most(pairs, len(subject.lines)):
            text = f"{len(pairs):,} of {len(subject.lines):,} prompts mean about the same as another"
            yield self.finding(
                None, text, hint="look at some of the rows: what all prompts share hides how they differ"
            )
            return
        for first, second, cosine in pairs:
            text = f"the prompt means about the same as that of line {subject.lines[first]} (cosine {cosine:.2f})"
            yield self.finding(subject.lines[second], text, related=subject.lines[first], text=subject.titles[first])


def keep_closest(pairs: Iterable[Pair]) -> list[Pair]:
    """For each row that is like earlier ones the pair with the one that it is most like."""
    closest: dict[int, Pair] = {}
    for pair in pairs:
        known = closest.get(pair.second)
        if known is None or pair.similarity > known.similarity:
            closest[pair.second] = pair
    return [closest[second] for second in sorted(closest)]


def are_most(pairs: Sequence[Pair], row_count: int) -> bool:
    """Whether so many rows are like another that it is one fact about the file."""
    return len(pairs) > max(MANY_ROWS, MOST_FRACTION * row_count)
