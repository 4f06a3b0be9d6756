"""LD4xx: rows that contradict one another, or do not do what nearly all the others do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.data import profile
from luthier.data.lint.rule import Rule
from luthier.data.lint.table import TEXT, Table, find_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding


class ConflictingAnswers(Rule[Table]):
    """The same prompt with different answers."""

    code = "LD401"
    name = "conflicting-answers"
    severity = "warning"
    why = "the model is pulled both ways and learns neither; a test row like this cannot be passed reliably"
    example = "two rows that ask `2 + 2?`, answered `4` and `four`"
    hint = "decide which answer is right and delete the other row"

    def check(self, subject: Table) -> Iterator[Finding]:
        if subject.has_pairs:
            return
        for index, first in enumerate(find_first(subject.prompts)):
            if subject.contents[index] != subject.contents[first]:
                text = f"the row asks the same as line {subject.line(first)} and answers differently"
                yield self.finding(subject.line(index), text, related=subject.line(first))


class OddSystemPrompt(Rule[Table]):
    """A system prompt other than the one that nearly all rows use."""

    code = "LD402"
    name = "odd-system-prompt"
    severity = "warning"
    why = "a system prompt in another wording is another task to the model"
    example = "one row in fifty that says `Extract orders.` instead of `Extract the order as JSON.`"
    hint = "use one system prompt throughout, unless the difference is meant"

    def check(self, subject: Table) -> Iterator[Finding]:
        systems = subject.systems
        if not systems.is_open or not systems.codes:
            return
        counts = systems.counts()
        common = int(counts.argmax())
        if counts[common] < profile.COMMON_FRACTION * len(systems.codes):
            return
        for index, code in enumerate(systems.codes):
            if code != common:
                text = "the system prompt is not the one that nearly all rows use"
                yield self.finding(subject.line(index), text, text=systems.values[code])


class OddAnswerKind(Rule[Table]):
    """An answer that is not JSON where nearly all are."""

    code = "LD403"
    name = "odd-answer-kind"
    severity = "warning"
    why = "one answer in words teaches the model that words are acceptable"
    example = "one row in fifty that answers `sorry, no order here` instead of JSON"
    hint = "write the answer as JSON like the others, or delete the row"

    def check(self, subject: Table) -> Iterator[Finding]:
        if subject.answer_kind != "json":
            return
        for index, kind in enumerate(subject.answer_kinds):
            if kind == TEXT:
                yield self.finding(subject.line(index), "the answer is not JSON, as nearly all others are")
