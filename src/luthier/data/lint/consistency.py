"""LD4xx: rows that contradict one another, or do not do what nearly all the others do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.data import profile
from luthier.data.lint.rule import Rule, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.dataset import Example
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
        first_of: dict[str, Example] = {}
        for example in subject.examples:
            first = first_of.setdefault(example.prompt_fingerprint, example)
            if first.fingerprint != example.fingerprint:
                text = f"the row asks the same as line {first.line} and answers differently"
                yield self.finding(example.line, text)


class OddSystemPrompt(Rule[Table]):
    """A system prompt other than the one that nearly all rows use."""

    code = "LD402"
    name = "odd-system-prompt"
    severity = "warning"
    why = "a system prompt in another wording is another task to the model"
    example = "one row in fifty that says `Extract orders.` instead of `Extract the order as JSON.`"
    hint = "use one system prompt throughout, unless the difference is meant"

    def check(self, subject: Table) -> Iterator[Finding]:
        common = profile.common_system_prompt(subject.examples)
        if common is None:
            return
        for example in subject.examples:
            if profile.system_prompt(example) != common:
                yield self.finding(example.line, "the system prompt is not the one that nearly all rows use")


class OddAnswerKind(Rule[Table]):
    """An answer that is not JSON where nearly all are."""

    code = "LD403"
    name = "odd-answer-kind"
    severity = "warning"
    why = "one answer in words teaches the model that words are acceptable"
    example = "one row in fifty that answers `sorry, no order here` instead of JSON"
    hint = "write the answer as JSON like the others, or delete the row"

    def check(self, subject: Table) -> Iterator[Finding]:
        if profile.answer_kind(subject.examples) != "json":
            return
        for example in profile.answers_in_words(subject.examples):
            if not profile.holds_json(example.conversation.answer.content):
                yield self.finding(example.line, "the answer is not JSON, as nearly all others are")
