"""A file with findings becomes a new file in which the rules have mended what they can, and a ledger of every change.

The file itself is never touched. What one rule mends may be another's finding, so the work is done in rounds.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.data.jsonl import read_lines
from luthier.data.lint.file import NotUtf8
from luthier.data.mending.changes import number_lines
from luthier.data.mending.line_mender import LineMender, MendedLine
from luthier.data.readers.reader import read_rows
from luthier.errors import InvalidDataset, NameTaken, UsageError
from luthier.store.files import is_read, open_scratch, place_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from luthier.data.check import CheckReport
    from luthier.data.finding import Finding
    from luthier.data.formats.columns import ColumnMap
    from luthier.data.jsonl import Line
    from luthier.data.lint.rule import Rule
    from luthier.data.mending.changes import Change

ROUNDS = 5
"""More than any chain of findings needs; two rules that undo each other's work have to end somewhere."""


@dataclass(frozen=True, slots=True)
class MendOrder:
    """`rules` are those that may mend, by code. Where one of them is about privacy, the ledger holds no values.

    With `drops`, rows that have errors in the end are left out. Neither the source nor a file of `reads` is ever
    written over; others are when it `replaces`.
    """

    source: Path
    target: Path
    rules: Mapping[str, Rule[Any]]
    columns: ColumnMap | None = None
    reads: tuple[Path, ...] = ()
    drops: bool = False
    replaces: bool = False

    @property
    def ledger(self) -> Path:
        return name_ledger(self.target)

    @property
    def redacts(self) -> bool:
        return any(rule.is_privacy for rule in self.rules.values())


class Mending(NamedTuple):
    """`mended` counts by code the lines in which a rule changed something or which it dropped.

    `discarded` counts the lines that went because of an error, by the first one; `lost_count` those that could be
    neither read nor kept, and `dropped_count` all that went. `report` is on the file that was written.
    """

    order: MendOrder
    mended: Counter[str]
    discarded: Counter[str]
    dropped_count: int
    lost_count: int
    report: CheckReport


def mend_file(order: MendOrder, *, check: Callable[[Path], CheckReport]) -> Mending:
    """Writes the target and its ledger, each whole or not at all.

    `check` finds what there is to mend, in the source and then in the outcome of each round. Raises as
    `refuse_targets`, and InvalidDataset for a file that is not text.
    """
    refuse_targets(order)
    report = check(order.source)
    with open_scratch(order.target) as scratch:
        workshop = _Workshop(order, scratch)
        for number in range(ROUNDS):
            has_changed = workshop.mend_round(report.findings)
            if number > 0 and not has_changed:
                break
            report = check(workshop.rows)
            if not any(finding.code in order.rules for finding in report.findings):
                break
        if order.drops and report.has_errors:
            workshop.drop_errors(report.findings)
            report = check(workshop.rows)
        workshop.deliver()
    counts = workshop.dropped_count, workshop.lost_count
    return Mending(order, workshop.mended, workshop.discarded, *counts, replace(report, path=order.target))


def refuse_targets(order: MendOrder) -> None:
    """Raises UsageError for a file that is read here, or a source that can be read only once; NameTaken for others."""
    if order.source.exists() and not (order.source.is_file() or order.source.is_dir()):
        raise UsageError(
            f"{order.source} can be read only once", hint="mending reads twice; save the rows to a file first"
        )
    for path in (order.target, order.ledger):
        if path.is_dir():
            raise NameTaken(f"{path} is a folder", hint="name a file that does not exist yet")
        if any(is_read(path, other) for other in (order.source, *order.reads)):
            raise UsageError(f"{path} is read here, and stays as it is", hint="write the copy to a file of its own")
        if path.exists() and not order.replaces:
            raise NameTaken(f"{path} exists", hint="name another file, or replace this one with --force")


def name_ledger(target: Path) -> Path:
    """Where the ledger of a copy stands."""
    return target.with_name(f"{target.name.removesuffix('.jsonl')}.ledger.jsonl")


class _Workshop:
    """`rows` is the file as far as it has been mended; everything else it writes stands in the scratch folder."""

    def __init__(self, order: MendOrder, scratch: Path) -> None:
        self.rows = order.source
        self.mended: Counter[str] = Counter()
        self.discarded: Counter[str] = Counter()
        self.dropped_count = self.lost_count = 0
        self._order = order
        self._mender = LineMender(order.rules)
        self._round = 0
        self._scratch = scratch
        self._draft = scratch / "draft.jsonl"
        self._sources: array[int] | None = None  # of each row its line in the source; None before the first round

    def mend_round(self, findings: Iterable[Finding]) -> bool:
        """Whether a rule has changed anything."""
        codes = _gather_codes(finding for finding in findings if finding.code in self._order.rules)

        def mend(line: Line) -> MendedLine:
            return self._mender.mend(line, codes.get(line.number, ()), self._columns)

        return self._rewrite(mend, self.mended)

    def drop_errors(self, findings: Iterable[Finding]) -> None:
        codes = _gather_codes(finding for finding in findings if finding.severity == "error")

        def drop(line: Line) -> MendedLine:
            found = codes.get(line.number)
            return self._mender.drop(line, found[0]) if found else self._mender.mend(line, ())

        self._rewrite(drop, self.discarded)

    def _rewrite(self, mend: Callable[[Line], MendedLine], tally: Counter[str]) -> bool:
        """Whether anything was changed."""
        self._round += 1
        fresh = self._scratch / f"round-{self._round}.jsonl"
        sources, change_count = array("Q"), 0
        with fresh.open("wb") as rows, self._draft.open("a", encoding="utf-8", newline="\n") as draft:
            for line in self._read_rows():
                source = line.number if self._sources is None else self._sources[line.number - 1]
                mended = mend(line)
                draft.writelines(self._describe(replace(change, line=source)) for change in mended.changes)
                self._count(mended.changes, tally)
                change_count += len(mended.changes)
                if mended.text is not None:
                    rows.write(mended.text + b"\n")
                    sources.append(source)
        if self.rows != self._order.source:
            self.rows.unlink()
        self.rows, self._sources = fresh, sources
        return change_count > 0

    def deliver(self) -> None:
        """The ledger first: rows without their ledger could not be told from rows that nobody has mended."""
        ledger = self._scratch / "ledger.jsonl"
        number_lines(self._draft, ledger, find_line=self._find_line)
        place_file(ledger, self._order.ledger)
        place_file(self.rows, self._order.target)

    @property
    def _columns(self) -> ColumnMap | None:
        """What has been mended once is in OpenAI's form."""
        return self._order.columns if self._sources is None else None

    def _read_rows(self) -> Iterator[Line]:
        is_source = self._sources is None
        for line in read_rows(self.rows, self._columns) if is_source else read_lines(self.rows):
            if line.number == 1 and b"\0" in line.raw:
                raise InvalidDataset(f"{self.rows} is not UTF-8 text, so there are no rows to mend", hint=NotUtf8.hint)
            yield line

    def _describe(self, change: Change) -> str:
        return json.dumps(change.to_json(shows_values=not self._order.redacts), ensure_ascii=False) + "\n"

    def _count(self, changes: tuple[Change, ...], tally: Counter[str]) -> None:
        tally.update({change.code for change in changes if change.code})
        self.dropped_count += any(change.action == "dropped" for change in changes)
        self.lost_count += any(change.code == "" for change in changes)

    def _find_line(self, source: int) -> int | None:
        """Where a row of the source stands now; None when it was dropped."""
        sources = self._sources or array("Q")
        index = bisect_left(sources, source)
        return index + 1 if index < len(sources) and sources[index] == source else None


def _gather_codes(findings: Iterable[Finding]) -> dict[int, list[str]]:
    """For each line the codes of what was found there, each once."""
    codes: dict[int, list[str]] = {}
    for finding in findings:
        if finding.line is not None:
            found = codes.setdefault(finding.line, [])
            if finding.code not in found:
                found.append(finding.code)
    return codes
