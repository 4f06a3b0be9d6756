"""LD8xx: whether there is enough of everything to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from luthier.data.answers.forms import Form
from luthier.data.answers.oddities import find_odd_values, list_fields
from luthier.data.labels import ANSWER
from luthier.data.lint.rule import Rule, quote
from luthier.data.lint.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.answers.fields import Field
    from luthier.data.finding import Finding

FEW = 50
"""Rows below which a held-out tenth is fewer than five cases: too few to see any but a huge difference."""

DOMINANT_FRACTION = 0.8
FEWEST_OF_LABEL = 10
MOST_NAMED = 5
"""Labels that one message names."""

FEWEST_LEAVES = 3
COPIED_FRACTION = 0.5
"""Share of the texts in JSON answers that stand in their prompts, where data is extracted."""

DISTINCT_FRACTION = 0.5


class TooFewExamples(Rule[Table]):
    """Fewer rows than can be split into training, validation and test."""

    code = "LD801"
    name = "too-few-examples"
    why = "with so few rows nothing is left to test on; OpenAI refuses fewer than 10 too"
    example = "a file of 7 rows"
    hint = "add rows; 50 to 100 good ones are a common start"

    def check(self, subject: Table) -> Iterator[Finding]:
        if 0 < subject.row_count < subject.minimum:
            rows = "1 row" if subject.row_count == 1 else f"{subject.row_count} rows"
            yield self.finding(None, f"the file has {rows}, and at least {subject.minimum} are needed")


class FewExamples(Rule[Table]):
    """Enough rows to train on, but too few to show that it helped."""

    code = "LD802"
    name = "few-examples"
    severity = "warning"
    why = "a tenth of them is held out as a test, and so few cases can only prove a huge gain"
    example = "a file of 20 rows"
    hint = "add rows before you trust a verdict; 50 to 100 good ones are a common start"

    def check(self, subject: Table) -> Iterator[Finding]:
        if subject.minimum <= subject.row_count < FEW:
            yield self.finding(None, f"the file has only {subject.row_count} rows")


class DominantLabel(Rule[Table]):
    """One label that most rows have."""

    code = "LD803"
    name = "dominant-label"
    severity = "info"
    why = "a model that always gave this label would be right as often; compare a score with that, not with zero"
    example = "900 of 1,000 rows with the label `other`"
    hint = "add rows with the other labels, or judge the model by each label on its own"

    def check(self, subject: Table) -> Iterator[Finding]:
        counts = _count_labels(subject)
        total = sum(counts.values())
        if total < FEW or len(counts) < 2:
            return
        label = max(counts, key=lambda label: counts[label])
        if counts[label] > DOMINANT_FRACTION * total:
            yield self.finding(None, f"{counts[label]} of {total} rows have the label {quote(label)}", text=label)


class RareLabel(Rule[Table]):
    """Labels with too few rows to be learned, or to be tested."""

    code = "LD804"
    name = "rare-label"
    severity = "warning"
    why = "with fewer than ten rows hardly one of them is held out, so nobody can say whether the label was learned"
    example = "a label that 3 of 500 rows have"
    hint = "add rows that have the label, or merge it with another one"

    def check(self, subject: Table) -> Iterator[Finding]:
        counts = _count_labels(subject)
        total = sum(counts.values())
        if total < FEW:
            return
        most = min(FEWEST_OF_LABEL - 1, total / len(counts) / 2)
        rare = {label: count for label, count in sorted(counts.items(), key=lambda item: item[1]) if count <= most}
        if rare:
            named = ", ".join(f"{quote(label)} ({count})" for label, count in list(rare.items())[:MOST_NAMED])
            rest = f" and {len(rare) - MOST_NAMED} more" if len(rare) > MOST_NAMED else ""
            labels = "1 label has" if len(rare) == 1 else f"{len(rare)} labels have"
            yield self.finding(None, f"{labels} fewer than {FEWEST_OF_LABEL} rows: {named}{rest}")


class NoMissingValue(Rule[Table]):
    """Data that is copied out of texts, and never a text in which some of it is missing."""

    code = "LD805"
    name = "no-missing-value"
    severity = "info"
    why = (
        "a model that has never seen null, an empty list or a key left out makes something up when a text says nothing"
    )
    example = "500 orders in which customer, date and total are always named"
    hint = "add some rows whose text lacks a value, with null in the answer"

    def check(self, subject: Table) -> Iterator[Finding]:
        tree = subject.answers.fields
        row_count = subject.answers.count(Form.JSON)
        is_copied = tree.copied_count >= COPIED_FRACTION * max(tree.text_count, 1)
        if row_count < FEW or not is_copied:
            return
        fields = list(list_fields(tree.root))
        leaves = sum(not field.children and field.items is None for field in fields)
        if leaves >= FEWEST_LEAVES and not any(_may_be_empty(field) for field in fields):
            yield self.finding(None, f"all {row_count} answers name every one of their {leaves} values")


class RepeatedPrompts(Rule[Table]):
    """A file that asks the same things over and over."""

    code = "LD806"
    name = "repeated-prompts"
    severity = "warning"
    why = "it is smaller than it looks: the model sees few different questions, and learns those by heart"
    example = "1,000 rows with 300 different prompts"
    hint = "keep one row for each prompt, unless the repetition is meant"

    def check(self, subject: Table) -> Iterator[Finding]:
        row_count = len(subject.prompts)
        prompt_count = len(np.unique(np.asarray(subject.prompts)))
        if row_count >= FEW and prompt_count < DISTINCT_FRACTION * row_count and not subject.has_pairs:
            yield self.finding(None, f"{row_count} rows have only {prompt_count} different prompts")


def _count_labels(table: Table) -> dict[str, int]:
    """Without those that are slips for another label, which LD406 finds."""
    answers = table.answers
    labels = answers.found_labels
    if labels is None:
        return {}
    field = answers.text if labels.field == ANSWER else answers.fields.root.children.get(labels.field)
    odd_values = list(find_odd_values(field, is_label=True)) if field else []
    # A label that is the whole answer is known without the white space around it, and may then be right.
    slips = {odd.value.strip() if labels.field == ANSWER else odd.value for odd in odd_values}
    slips -= {odd.intended for odd in odd_values}
    return {label: count for label, count in labels.counts().items() if label is not None and label not in slips}


def _may_be_empty(field: Field) -> bool:
    """Whether anybody has left out the value, or written that there is none."""
    if "null" in field.count_types() or field.empty.count or field.blank.count:
        return True
    sets = field.key_sets.merge_variants()
    return any(key not in keys for keys in sets for key in field.children)
