"""One pass over a file, in which the rules look at it, and whoever else was asked to: a tokenizer, a test set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypedDict

from luthier.data.check import check_file
from luthier.data.formats.columns import parse_column_map
from luthier.data.likeness.clusters import find_clusters
from luthier.data.likeness.contamination import OverlapFinder
from luthier.data.likeness.meaning import Meanings
from luthier.data.lint.length import LENGTH_RULES
from luthier.data.lint.registry import MEANING_RULES, OVERLAP_RULES
from luthier.data.lint.selection import select_rules
from luthier.data.readers.row_count import count_lines
from luthier.errors import UsageError
from luthier.pipeline.data import load_test_set
from luthier.pipeline.home import open_home
from luthier.pipeline.tokens import open_meter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from luthier.data.check import CheckReport
    from luthier.data.dataset import Dataset, Example
    from luthier.data.finding import Finding
    from luthier.data.formats.columns import ColumnMap
    from luthier.data.likeness.contamination import Overlap
    from luthier.data.likeness.meaning import Embed
    from luthier.data.lint.rule import Rule
    from luthier.data.lint.selection import Selection
    from luthier.pipeline.progress import Progress
    from luthier.store.home import Home
    from luthier.tokens.lengths import LengthMeter

ROWS_BETWEEN_REPORTS = 100


class CheckChoices(TypedDict, total=False):
    """`select` and `ignore` hold codes, beginnings of codes or names of rules; `columns` texts such as user=question.

    `against` is a test set that the file must not overlap. `base` names the model whose tokens are counted.
    `semantic` looks for rows that say the same in other words.
    """

    select: Sequence[str]
    ignore: Sequence[str]
    against: Path | str | None
    semantic: bool
    base: str | None
    columns: Sequence[str]


@dataclass(frozen=True)
class CheckOrder:
    """The choices, with what holds for those that nobody made. Raises UsageError for words that mean nothing."""

    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    against: Path | str | None = None
    semantic: bool = False
    base: str | None = None
    columns: Sequence[str] = ()

    @cached_property
    def selection(self) -> Selection:
        selection = select_rules(self.select, self.ignore)
        idle = {code: option for option, rules in self._list_idle() for code in (rule.code for rule in rules)}
        if self.select and selection.codes <= idle.keys():
            code = min(selection.codes)
            raise UsageError(f"{code} finds nothing without {idle[code]}", hint=f"add {idle[code]}")
        return selection

    def _list_idle(self) -> Iterator[tuple[str, Sequence[Rule[Any]]]]:
        """Rules that will not look at anything, and the option that would let them."""
        if self.base is None:
            yield "--base NAME", LENGTH_RULES
        if self.against is None:
            yield "--against TEST", OVERLAP_RULES
        if not self.semantic:
            yield "--semantic", MEANING_RULES

    @cached_property
    def column_map(self) -> ColumnMap | None:
        return parse_column_map(self.columns)


class Outlook(NamedTuple):
    """What an onlooker has to say after the last row: findings, and a piece of the file's profile."""

    profile: dict[str, Any]
    findings: Sequence[Finding] = ()


class Onlooker(Protocol):
    """Sees each row without errors as it is read."""

    def add(self, example: Example) -> None: ...

    def finish(self) -> Outlook: ...


@dataclass(frozen=True)
class Examiner:
    """Looks at one file after the other in the same way."""

    order: CheckOrder
    home: Home | None
    progress: Progress

    def examine(self, path: Path, columns: ColumnMap | None = None) -> CheckReport:
        """With the findings of the selected rules alone. Raises FileMissing."""
        selection = self.order.selection
        onlookers = self._invite()
        total = count_lines(path)

        def show(example: Example) -> None:
            for onlooker in onlookers:
                onlooker.add(example)

        def count(done: int) -> None:
            if done % ROWS_BETWEEN_REPORTS == 0:
                self.progress.count_rows(done, total)

        report = check_file(path, columns=columns, on_example=show, on_progress=count)
        self.progress.count_rows(report.summary["rows"], report.summary["rows"])
        return selection.narrow(_merge(report, [onlooker.finish() for onlooker in onlookers]))

    def _invite(self) -> list[Onlooker]:
        order = self.order
        embed = self._open_embed() if order.semantic else None
        onlookers: list[Onlooker] = []
        if order.base is not None:
            onlookers.append(_Measurer(open_meter(order.base, home=self.home, progress=self.progress)))
        if order.against is not None:
            onlookers.append(_Comparer(load_test_set(Path(order.against)), embed))
        if embed is not None:
            onlookers.append(_Interpreter(embed))
        return onlookers

    def _open_embed(self) -> Embed:
        from luthier.models.embedding import load_embedder

        return load_embedder(self.home or open_home(), announce=self.progress.announce).embed


class _Measurer:
    """Counts tokens."""

    def __init__(self, meter: LengthMeter) -> None:
        self._meter = meter
        self.add = meter.add

    def finish(self) -> Outlook:
        lengths = self._meter.finish()
        return Outlook({"tokens": lengths.to_json()}, lengths.find_problems())


class _Comparer:
    """Holds rows against a test set."""

    def __init__(self, test: Dataset, embed: Embed | None) -> None:
        self._finder = OverlapFinder(test, embed=embed)
        self._overlaps: list[Overlap] = []

    def add(self, example: Example) -> None:
        self._overlaps += self._finder.add(example)

    def finish(self) -> Outlook:
        self._overlaps += self._finder.finish()
        findings = [finding for overlap in self._overlaps for rule in OVERLAP_RULES for finding in rule.check(overlap)]
        return Outlook({"overlaps": len(self._overlaps)}, findings)


class _Interpreter:
    """Looks for rows that ask for the same, and for what the file is about."""

    def __init__(self, embed: Embed) -> None:
        self._meanings = Meanings(embed)
        self.add = self._meanings.add

    def finish(self) -> Outlook:
        meanings = self._meanings
        clusters = [
            {"rows": cluster.count, "line": meanings.lines[cluster.central], "text": meanings.titles[cluster.central]}
            for cluster in find_clusters(meanings.vectors())
        ]
        findings = [finding for rule in MEANING_RULES for finding in rule.check(meanings)]
        return Outlook({"clusters": clusters}, findings)


def _merge(report: CheckReport, outlooks: Sequence[Outlook]) -> CheckReport:
    findings = [*report.findings, *(finding for outlook in outlooks for finding in outlook.findings)]
    profile = {key: value for outlook in outlooks for key, value in outlook.profile.items()}
    return replace(report, profile={**report.profile, **profile}).with_findings(findings)
