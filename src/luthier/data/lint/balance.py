"""LD8xx: whether there is enough of everything to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.data.lint.rule import Rule
from luthier.data.lint.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding

FEW = 50
"""Rows below which a held-out tenth is fewer than five cases: too few to see any but a huge difference."""


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
