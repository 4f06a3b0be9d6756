"""A file goes through every rule in one pass; out come its findings, and each sound row to whoever wants it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.data.dataset import Example
from luthier.data.facts import describe_table
from luthier.data.formats.format import UnreadableRow
from luthier.data.formats.openai_chat import build_conversation, view_row, write_extras
from luthier.data.formats.openai_preference import build_pair, view_pair
from luthier.data.formats.registry import detect_format
from luthier.data.lint.file import Refusal
from luthier.data.lint.registry import (
    LINE_RULES,
    PAIR_RULES,
    REFUSAL_RULES,
    REINFORCEMENT_RULES,
    ROW_RULES,
    TABLE_RULES,
)
from luthier.data.lint.table import Table
from luthier.data.readers.reader import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from luthier.data.finding import Finding
    from luthier.data.formats.columns import ColumnMap
    from luthier.data.formats.openai_chat import Row
    from luthier.data.jsonl import Line
    from luthier.data.lint.rule import Rule

MINIMUM_EXAMPLES = 10
"""Rows that a training file needs, as in the OpenAI API."""

ANSWERLESS_ROW_RULES = tuple(rule for rule in ROW_RULES if not rule.needs_answer)

REJECTED_ROW_RULES = tuple(rule for rule in ROW_RULES if not rule.judges_answer)
"""For the conversation that ends with the rejected answer, which is bad on purpose."""


class CheckedLine(NamedTuple):
    """`format` is the name of the format that the row is in, None for what is no row of a known one.

    `row` is the row in OpenAI's form, None where it cannot be had. `example` is None where a finding is an error,
    and for reinforcement rows, which have no answer to learn.
    """

    findings: list[Finding]
    format: str | None = None
    row: dict[str, Any] | None = None
    example: Example | None = None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Findings stand in line order, those on the file last. `format` is that of most rows.

    `profile` is what the rows are like, as JSON: how long, how labelled.
    """

    path: Path
    format: str
    findings: tuple[Finding, ...]
    summary: dict[str, Any]
    profile: dict[str, Any] = field(default_factory=dict)

    @property
    def has_errors(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)

    def fails(self, *, is_strict: bool = False) -> bool:
        """Whether the file is not good: because of errors, or in a strict check of warnings."""
        return self.has_errors or (is_strict and any(finding.severity == "warning" for finding in self.findings))

    def with_findings(self, findings: Iterable[Finding]) -> CheckReport:
        """The same report with other findings, in their order and counted."""
        ordered = tuple(sorted(findings, key=_rank_finding))
        return replace(self, findings=ordered, summary={**self.summary, **_count_severities(ordered)})

    def describe(self) -> dict[str, Any]:
        """All but the findings, of which there may be many; instead, how many there are of each code."""
        return {
            "file": str(self.path),
            "format": self.format,
            "summary": self.summary,
            "counts": dict(sorted(Counter(finding.code for finding in self.findings).items())),
            "profile": self.profile,
        }

    def to_json(self) -> dict[str, Any]:
        return {**self.describe(), "findings": [finding.to_json() for finding in self.findings]}


def check_file(
    path: Path,
    *,
    minimum: int = MINIMUM_EXAMPLES,
    columns: ColumnMap | None = None,
    on_example: Callable[[Example], None] = lambda example: None,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> CheckReport:
    """Raises FileMissing when nothing can be read; what a file holds becomes findings, whatever it is.

    `columns` is a map of columns, which then stands for every row's format. `on_example` gets each row without
    errors as it is read. `on_progress` is told how many rows are done.
    """
    findings: list[Finding] = []
    table = Table(minimum=minimum)
    for line in read_rows(path, columns):
        checked = check_line(line, columns)
        table.row_count += not line.is_blank
        findings += checked.findings
        if checked.format is not None:
            table.count_format(checked.format, line.number)
        if checked.example is not None:
            table.add(checked.example)
            on_example(checked.example)
        on_progress(table.row_count)
    findings += (finding for rule in TABLE_RULES for finding in rule.check(table))
    findings.sort(key=_rank_finding)
    return CheckReport(path, table.main_format, tuple(findings), _summarise(table, findings), describe_table(table))


def check_line(line: Line, columns: ColumnMap | None = None) -> CheckedLine:
    """All that can be said about a line without the others."""
    findings = [finding for rule in LINE_RULES for finding in rule.check(line)]
    if not line.is_parsed or not isinstance(line.value, dict):
        return CheckedLine(findings)
    format_ = columns or detect_format(line.value)
    name = format_.name if format_ else None
    try:
        row = format_.to_openai(line.value) if format_ else line.value
    except UnreadableRow as flaw:
        refusal = Refusal(line.number, flaw)
        findings += (finding for rule in REFUSAL_RULES for finding in rule.check(refusal))
        return CheckedLine(findings, name)
    findings += check_row(line.number, row)
    is_sound = not any(finding.severity == "error" for finding in findings)
    return CheckedLine(findings, name, row, build_example(line.number, row) if is_sound else None)


def check_row(line: int, row: dict[str, Any]) -> list[Finding]:
    """What the rules say of a row in OpenAI's form. Each finding once: a pair's prompt is in both its conversations."""
    form = detect_format(row)
    view = view_row(line, row)
    if form is not None and form.name == "preference":
        findings = [*_apply(PAIR_RULES, view)]
        for conversation, rules in zip(view_pair(line, row), (ROW_RULES, REJECTED_ROW_RULES), strict=False):
            findings += _apply(rules, conversation)
        return [*dict.fromkeys(findings)]
    if form is not None and form.name == "reinforcement":
        return [*_apply(ANSWERLESS_ROW_RULES, view), *_apply(REINFORCEMENT_RULES, view)]
    return [*_apply(ROW_RULES, view)]


def build_example(line: int, row: dict[str, Any]) -> Example | None:
    """From a row in OpenAI's form in which no rule found an error; None when it has no answer."""
    form = detect_format(row)
    if form is None or form.name == "reinforcement":
        return None
    if form.name == "preference":
        return build_pair(line, row)
    return Example(
        build_conversation(view_row(line, row)), line, extras=write_extras(row, read=frozenset({"messages", "tools"}))
    )


def _apply(rules: Iterable[Rule[Row]], row: Row) -> Iterator[Finding]:
    return (finding for rule in rules for finding in rule.check(row))


def _summarise(table: Table, findings: list[Finding]) -> dict[str, Any]:
    return {
        "rows": table.row_count,
        "examples": len(table.lines),
        "messages": table.message_count,
        **_count_severities(findings),
        "characters": table.character_count,
        "answer_kind": table.answer_kind,
        "system_prompts": sum(value != "" for value in table.systems.values),
    }


def _count_severities(findings: Iterable[Finding]) -> dict[str, int]:
    severities = Counter(finding.severity for finding in findings)
    return {"errors": severities["error"], "warnings": severities["warning"], "infos": severities["info"]}


def _rank_finding(finding: Finding) -> tuple[bool, int, str]:
    """In the order of lines; what is about the whole file comes last."""
    return finding.line is None, finding.line or 0, finding.code
