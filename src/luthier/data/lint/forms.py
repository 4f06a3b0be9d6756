"""LD403, LD409 to LD412: answers in another form, of another length or in another script than nearly all the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from luthier.data.answers.forms import TEXT_FORMS, Form, strip_fence
from luthier.data.answers.oddities import HABIT_FRACTION, is_odd_count, is_rare
from luthier.data.answers.scripts import Script
from luthier.data.labels import ANSWER, LONGEST_LABEL
from luthier.data.lint.rule import Rule
from luthier.data.lint.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from luthier.data.finding import Finding, Severity

FEWEST_ANSWERS = 10
MOST_ODD_FRACTION = 1 / 9
"""Odd answers for each one of the common form: a tenth of all."""

FENCED = "the answer stands in a fence, where the others are bare"
UNFENCED = "the answer is bare, where the others stand in a fence"
NO_JSON = "the answer is not JSON, as nearly all others are"
NO_LABEL = "the answer is a text, where nearly all others are labels"
AROUND = "the answer has words around its JSON, as hardly any other has"
BEFORE = "the answer begins with chatter, where the others are bare"

FEWEST_LENGTHS = 50
"""Answers from which on a length can be odd."""

ODD_DEVIATIONS = 6
LEAST_DEVIATION = 0.1
"""Of the logarithms of lengths, where all answers are about as long."""

ODD_RATIO = 3
"""An odd length is so many times longer than the longest hundredth of the others, or shorter than the shortest."""


class FormRule(Rule[Table]):
    """A rule that finds answers by what is in the columns."""

    severity: ClassVar[Severity] = "warning"

    def report(self, table: Table, messages: Mapping[int, str]) -> Iterator[Finding]:
        """`messages` by the index of the row."""
        answers = table.answers
        places = (place for seen in answers.samples.values() for place in seen.places())
        texts = {place.line: place.text for place in places} if messages else {}
        for index, message in messages.items():
            line = table.line(index)
            yield self.finding(line, message, at=answers.positions[index], text=texts.get(line, ""))


class OddAnswerKind(FormRule):
    """An answer in words where nearly all are JSON, or a long text where nearly all are labels."""

    code = "LD403"
    name = "odd-answer-kind"
    why = "one answer in words teaches the model that words are acceptable"
    example = "one row in fifty that answers `sorry, no order here` instead of JSON"
    hint = "write the answer in the form that the others have, or delete the row"

    def check(self, subject: Table) -> Iterator[Finding]:
        answers = subject.answers
        words = answers.find_forms(*TEXT_FORMS)
        if answers.are_json:
            yield from self.report(subject, dict.fromkeys(words, NO_JSON))
        elif answers.found_labels and answers.found_labels.field == ANSWER:
            dressed = answers.openings.find_dressed(Form.FENCED_TEXT) | answers.openings.find_dressed(Form.CHATTY_TEXT)
            long = [i for i in words if answers.lengths[i] > LONGEST_LABEL and subject.line(i) not in dressed]
            if is_odd_count(len(long), len(words)):
                yield from self.report(subject, dict.fromkeys(long, NO_LABEL))


class OddFence(FormRule):
    """An answer in a Markdown fence where the others are bare, or the reverse."""

    code = "LD409"
    name = "odd-fence"
    why = "the model would put a fence around some answers, and what reads them expects none, or always one"
    example = "one answer in fifty with ``` before and after its JSON"
    hint = "take off the fence, or put one around every answer"
    fix = "takes the fence off; an answer that lacks the fence of all others is left for you"

    def check(self, subject: Table) -> Iterator[Finding]:
        answers = subject.answers
        bare, fenced = answers.count(Form.JSON), answers.count(Form.FENCED_JSON)
        if answers.are_json and bare + fenced >= FEWEST_ANSWERS:
            if fenced <= MOST_ODD_FRACTION * bare:
                yield from self.report(subject, dict.fromkeys(answers.find_forms(Form.FENCED_JSON), FENCED))
            elif bare <= MOST_ODD_FRACTION * fenced:
                yield from self.report(subject, dict.fromkeys(answers.find_forms(Form.JSON), UNFENCED))
            return
        fenced_rows = [subject.find_index(line) for line in sorted(answers.openings.find_dressed(Form.FENCED_TEXT))]
        yield from self.report(subject, dict.fromkeys(fenced_rows, FENCED))
        words = answers.count(*TEXT_FORMS)
        unfenced = answers.find_forms(Form.TEXT, Form.CHATTY_TEXT)
        if is_odd_count(len(unfenced), words):
            yield from self.report(subject, dict.fromkeys(unfenced, UNFENCED))

    def mend(self, row: dict[str, Any]) -> dict[str, Any]:
        key = "preferred_output" if "preferred_output" in row else "messages"
        *before, answer = row[key]
        inside = strip_fence(answer["content"]) if isinstance(answer.get("content"), str) else None
        return row if inside is None else {**row, key: [*before, {**answer, "content": inside}]}


class OddWrapper(FormRule):
    """An answer with chatter around what the others say alone."""

    code = "LD410"
    name = "odd-wrapper"
    why = "the model would learn to say `Sure! Here is ...` first, and what reads the answer stumbles over it"
    example = 'one answer in fifty that begins with `Sure! Here is the order: {"total": 12}`'
    hint = "leave the bare answer"

    def check(self, subject: Table) -> Iterator[Finding]:
        answers = subject.answers
        if answers.are_json:
            if answers.count(Form.WRAPPED_JSON) <= MOST_ODD_FRACTION * answers.count(Form.JSON, Form.FENCED_JSON):
                yield from self.report(subject, dict.fromkeys(answers.find_forms(Form.WRAPPED_JSON), AROUND))
            return
        lines = sorted(answers.openings.find_dressed(Form.CHATTY_TEXT))
        yield from self.report(subject, dict.fromkeys(map(subject.find_index, lines), BEFORE))


class OddLength(FormRule):
    """An answer that is far longer or far shorter than all the others."""

    code = "LD411"
    name = "odd-length"
    severity = "info"
    why = "such a row is often a paste too many, or the rest of an answer that was lost"
    example = "one answer of 9,000 characters, where the others have 80 to 200"
    hint = "read the row; nothing needs to be done when the answer is right"

    def check(self, subject: Table) -> Iterator[Finding]:
        answers = subject.answers
        # Answers of another form have a rule of their own, and say nothing about how long one of this form is.
        alike = answers.find_forms(Form.JSON) if answers.are_json else answers.find_forms(*TEXT_FORMS)
        if len(alike) < FEWEST_LENGTHS:
            return
        lengths = np.maximum(np.asarray(answers.lengths)[alike], 1)
        odd = _find_odd_lengths(lengths)
        low, high = np.percentile(np.delete(lengths, odd), (1, 99))
        usual = f"nearly all others have {low:,.0f} to {high:,.0f} characters"
        messages = {alike[i]: f"{usual}, and this answer has {lengths[i]:,}" for i in odd}
        yield from self.report(subject, messages)


class OddScript(FormRule):
    """An answer in another script than nearly all the others, and not because it was asked in that script."""

    code = "LD412"
    name = "odd-script"
    why = "the model would learn to change the language for no reason that it can see"
    example = "one answer in fifty in Cyrillic letters to a question in Latin ones"
    hint = "translate the answer, or delete the row"

    def check(self, subject: Table) -> Iterator[Finding]:
        columns = subject.answers.scripts
        answered, asked = np.asarray(columns.answered), np.asarray(columns.asked)
        counts = np.bincount(answered, minlength=len(Script))
        counts[Script.NONE] = 0
        common = int(counts.argmax())
        is_usual = answered == common
        is_meant = (answered == asked) | np.asarray(columns.is_language_named, dtype=bool)
        if is_usual.any() and np.mean(asked[is_usual] != common) >= HABIT_FRACTION:
            # A file of translations: an answer in the script of its question is the odd one.
            is_meant[:] = False
        is_odd = ~is_usual & (answered != Script.NONE) & ~is_meant
        if is_odd_count(int(is_odd.sum()), int(counts.sum())):
            usual = Script(common).title
            messages = {
                index: f"the answer is in {Script(answered[index]).title} letters, and nearly all others are in {usual}"
                for index in np.flatnonzero(is_odd).tolist()
            }
            yield from self.report(subject, messages)


def _find_odd_lengths(lengths: NDArray[np.uint32]) -> NDArray[np.intp]:
    """Outliers by the median of absolute deviations of the logarithm, which outliers themselves do not move."""
    logs = np.log(lengths)
    deviations = np.abs(logs - np.median(logs))
    suspects = deviations > ODD_DEVIATIONS * max(float(np.median(deviations)), LEAST_DEVIATION)
    others = lengths[~suspects]
    low, high = np.percentile(others, (1, 99))
    long = suspects & (lengths >= ODD_RATIO * high)
    short = suspects & (lengths * ODD_RATIO <= low)
    kept = [side for side in (long, short) if is_rare(int(side.sum()), len(lengths))]
    return np.flatnonzero(np.any(kept, axis=0)) if kept else np.array([], dtype=np.intp)
