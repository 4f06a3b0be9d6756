"""A file goes through every rule in one pass; out come all its findings and the rows that are sound."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luthier.data import profile
from luthier.data.dataset import Dataset, Example
from luthier.data.jsonl import Line, read_lines
from luthier.data.lint.registry import LINE_RULES, ROW_RULES, TABLE_RULES
from luthier.data.lint.rule import Table
from luthier.data.openai_chat import build_conversation, view_row

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.data.finding import Finding

MINIMUM_EXAMPLES = 10
"""Rows that a training file needs, as in the OpenAI API."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """`dataset` holds the rows without errors; findings stand in line order, those on the file last."""

    findings: tuple[Finding, ...]
    summary: dict[str, int | str]
    dataset: Dataset

    @property
    def has_errors(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        return {
            "file": str(self.dataset.path),
            "summary": self.summary,
            "findings": [finding.to_json() for finding in self.findings],
        }


def check_file(path: Path, *, minimum: int = MINIMUM_EXAMPLES) -> CheckReport:
    """Raises FileMissing when nothing can be read; what a file holds becomes findings, whatever it is."""
    findings: list[Finding] = []
    examples: list[Example] = []
    row_count = 0
    for line in read_lines(path):
        row_count += not line.is_blank
        line_findings, example = _check_line(line)
        findings += line_findings
        examples += [example] if example else []
    table = Table(tuple(examples), row_count, minimum)
    findings += [finding for rule in TABLE_RULES for finding in rule.check(table)]
    findings.sort(key=lambda finding: (finding.line is None, finding.line or 0, finding.code))
    return CheckReport(
        findings=tuple(findings),
        summary=_summarise(table, findings),
        dataset=Dataset(path.stem, path, table.examples),
    )


def _check_line(line: Line) -> tuple[list[Finding], Example | None]:
    """An example only if no rule calls the line an error."""
    findings = [finding for rule in LINE_RULES for finding in rule.check(line)]
    if not line.is_parsed or not isinstance(line.value, dict):
        return findings, None
    row = view_row(line.number, line.value)
    findings += [finding for rule in ROW_RULES for finding in rule.check(row)]
    if any(finding.severity == "error" for finding in findings):
        return findings, None
    return findings, Example(build_conversation(row), line.number)


def _summarise(table: Table, findings: list[Finding]) -> dict[str, int | str]:
    messages = [message for example in table.examples for message in example.conversation.messages]
    severities = Counter(finding.severity for finding in findings)
    return {
        "rows": table.row_count,
        "examples": len(table.examples),
        "messages": len(messages),
        "errors": severities["error"],
        "warnings": severities["warning"],
        "infos": severities["info"],
        "characters": sum(len(message.content) for message in messages),
        "answer_kind": profile.answer_kind(table.examples),
        "system_prompts": len({profile.system_prompt(example) for example in table.examples} - {""}),
    }
