"""LD114: what keeps a record of a file that is no JSONL from being read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.data.jsonl import Line
from luthier.data.lint.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.data.finding import Finding


class DamagedRecord(Rule[Line]):
    """A record of a table that is broken, or the place where a packed file ends too early."""

    code = "LD114"
    name = "damaged-record"
    why = "its cells would land under the wrong names, or what follows is lost"
    example = "question,answer\nDo you sell lamps, or rent them?,We sell them."
    hint = "repair the record, or write the file again"

    def check(self, subject: Line) -> Iterator[Finding]:
        if subject.damage:
            yield self.finding(subject.number, subject.damage.message, hint=subject.damage.hint)
