"""LD9xx: rows that say again what another row says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.data.lint.rule import Rule
from luthier.data.lint.table import Table, find_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding


class ExactDuplicate(Rule[Table]):
    """A row with the same content as an earlier one, however it is spaced."""

    code = "LD901"
    name = "exact-duplicate"
    severity = "warning"
    why = "it counts twice in training and makes the data look larger than it is"
    example = "lines 3 and 17 hold the same messages"
    hint = "delete the row, unless the repetition is meant"

    def check(self, subject: Table) -> Iterator[Finding]:
        for index, first in enumerate(find_first(subject.contents)):
            if first != index:
                text = f"the row is the same as line {subject.line(first)}"
                yield self.finding(subject.line(index), text, related=subject.line(first))
