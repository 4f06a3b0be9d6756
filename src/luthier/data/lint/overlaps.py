"""LD91x: rows of a file that a test set knows already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.data.likeness.contamination import Overlap
from luthier.data.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding
    from luthier.data.likeness.held_rows import OverlapKind


class TestedRow(Rule[Overlap]):
    """A row that stands in the test set, too."""

    code = "LD911"
    name = "tested-row"
    why = "a model that has seen the answers passes any test, and the test says nothing about it"
    example = "line 3 of train.jsonl and line 8 of test.jsonl hold the same messages"
    hint = "delete the row here or there; `luthier split` keeps the two apart from the start"

    def check(self, subject: Overlap) -> Iterator[Finding]:
        return _point(self, subject, "row", f"the row is {_name(subject)}")


class TestedPrompt(Rule[Overlap]):
    """A prompt that the test set asks, too, whatever its case, spacing and punctuation."""

    code = "LD912"
    name = "tested-prompt"
    why = "the model learns an answer to the very question that is to test it"
    example = "`What is 2 + 2?` on line 3 of train.jsonl, and `what is 2 + 2` on line 8 of test.jsonl"
    hint = "delete the row here or there"

    def check(self, subject: Overlap) -> Iterator[Finding]:
        return _point(self, subject, "prompt", f"the prompt is that of {_name(subject)}")


class NearlyTestedRow(Rule[Overlap]):
    """A row with nearly the same words as a row of the test set."""

    code = "LD913"
    name = "nearly-tested-row"
    severity = "warning"
    why = "the test then measures memory where it should measure skill"
    example = "`Rate this book four of 6`, and in the test `Please rate this book four of 6!`, answered alike"
    hint = "delete the row here or there, unless the difference is what the test is about"

    def check(self, subject: Overlap) -> Iterator[Finding]:
        return _point(self, subject, "near", f"the row has {subject.similarity:.0%} the same words as {_name(subject)}")


class TestedPassage(Rule[Overlap]):
    """A passage of 13 words or more, or a whole prompt of 8 or more, that also stands in a row of the test set.

    Passages that many rows hold, or the system prompt, do not count.
    """

    code = "LD914"
    name = "tested-passage"
    severity = "warning"
    why = "nobody writes so many words twice by chance: the row and the test come from one source"
    example = "a test question that is quoted in a longer row of train.jsonl"
    hint = "delete the row here or there, unless the passage is a form of words that any row may use"

    def check(self, subject: Overlap) -> Iterator[Finding]:
        count = subject.word_count
        return _point(self, subject, "passage", f"the row shares {count} words in a row with {_name(subject)}")


class TestedMeaning(Rule[Overlap]):
    """A prompt that asks in other words what the test set asks; only with `--semantic`."""

    code = "LD915"
    name = "tested-meaning"
    severity = "warning"
    why = "the test then measures memory where it should measure skill"
    example = "`Will Bonnie get colder?`, and in the test `Is it going to be colder in Bonnie`"
    hint = "read both rows; delete one if they ask for the same"

    def check(self, subject: Overlap) -> Iterator[Finding]:
        text = f"the prompt means about the same as that of {_name(subject)} (cosine {subject.similarity:.2f})"
        return _point(self, subject, "meaning", text)


def _point(rule: Rule[Overlap], overlap: Overlap, kind: OverlapKind, message: str) -> Iterator[Finding]:
    if overlap.kind == kind:
        finding = rule.finding(overlap.train_line, message, text=overlap.text, related=overlap.test_line)
        yield replace(finding, related_file=overlap.test_file)


def _name(overlap: Overlap) -> str:
    return f"line {overlap.test_line} of {Path(overlap.test_file).name}"
