"""A report is grouped by rule, says each hint once, stays short for any number of findings, and links every line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from luthier.cli.render_check import group_findings, render_check, render_rules, write_json
from luthier.data.check import CheckReport
from luthier.data.finding import Finding

SUMMARY = {"rows": 9, "examples": 0, "answer_kind": "text", "system_prompts": 0, "errors": 0, "warnings": 0, "infos": 0}
PLACE = re.compile(r"(?P<path>[^:]+):(?P<line>\d+): (?P<severity>error|warning|info) (?P<code>LD\d{3}) ")


def find(code: str = "LD303", line: int | None = 1, **fields: Any) -> Finding:
    severity = {"LD303": "error", "LD901": "warning", "LD107": "info"}.get(code, "error")
    values = {"severity": severity, "message": "it is wrong", "hint": "put it right", **fields}
    return Finding(code=code, line=line, **values)


def report(*findings: Finding, **fields: Any) -> CheckReport:
    values = {"format": "chat", "findings": (), "summary": SUMMARY, **fields}
    return CheckReport(path=Path("a.jsonl"), **values).with_findings(findings)


def lines(*findings: Finding, **options: Any) -> list[str]:
    return "\n".join(render_check(report(*findings), **options)).splitlines()


def test_findings_stand_in_groups_with_errors_first() -> None:
    findings = [find("LD107"), find("LD901"), find("LD303", 7), find("LD101"), find("LD303", 2)]
    assert [line for line in lines(*findings) if re.match("error|warning|info", line)] == [
        "error LD101 not-utf8: 1 finding",
        "error LD303 empty-answer: 2 findings",
        "warning LD901 exact-duplicate: 1 finding",
        "info LD107 blank-line: 1 finding",
    ]
    assert [finding.line for finding in group_findings(report(*findings).findings)[1].findings] == [2, 7]


def test_every_finding_begins_with_a_place_that_editors_link() -> None:
    places = [PLACE.match(line) for line in lines(find(line=3), find("LD901", line=12))]
    assert [place.groups() for place in places if place] == [
        ("a.jsonl", "3", "error", "LD303"),
        ("a.jsonl", "12", "warning", "LD901"),
    ]


def test_what_is_about_the_whole_file_has_no_line() -> None:
    assert "a.jsonl: error LD108 it is wrong" in lines(find("LD108", None))


def test_only_the_first_five_of_each_rule_are_shown() -> None:
    shown = lines(*(find(line=line) for line in range(1, 2001)), *(find("LD901", line) for line in (1, 2)))
    assert sum(bool(PLACE.match(line)) for line in shown) == 7
    assert "  1,995 more, shown with --all" in shown
    assert "error LD303 empty-answer: 2,000 findings" in shown


def test_all_are_shown_on_demand_in_portions() -> None:
    portions = list(render_check(report(*(find(line=line) for line in range(1, 2501))), shows_all=True))
    assert sum(bool(PLACE.match(line)) for line in "\n".join(portions).splitlines()) == 2500
    assert len(portions) >= 4


def test_a_hint_stands_once_below_its_group_and_another_one_below_its_finding() -> None:
    findings = [find(line=1), find(line=2, hint="mend it"), find(line=3), find(line=4, hint="mend it")]
    hints = [(number, line) for number, line in enumerate(lines(*findings)) if "hint: " in line]
    assert hints == [(3, "  hint: mend it"), (6, "  hint: put it right")]


@pytest.mark.parametrize(
    ("finding", "shown"),
    [
        (find(), ["it is wrong"]),
        (find(message_index=3), ["it is wrong (message 3)"]),
        (find(message="message 3 is wrong", message_index=3), ["message 3 is wrong"]),
        (find(text="the text"), ["it is wrong", "    the text"]),
        (find(message="'the text' is wrong", text="the text"), ["'the text' is wrong"]),
        (find(message_index=2, text="the text"), ["it is wrong (message 2)", "    the text"]),
    ],
)
def test_the_message_and_the_text_are_told_once(finding: Finding, shown: list[str]) -> None:
    place, *rest = lines(finding)[1 : 1 + len(shown)]
    assert [place.removeprefix("a.jsonl:1: error LD303 "), *rest] == shown


def test_a_file_without_findings_is_one_line() -> None:
    assert lines() == ["9 rows, 0 errors, 0 warnings, 0 infos; 0 usable"]


def test_the_last_line_sums_up_and_the_one_before_says_what_can_be_mended() -> None:
    *_, fix, redact, summary = lines(find("LD107"), find("LD107", 2), find("LD602", severity="warning"))
    assert fix == "hint: up to 2 findings can be mended: add --fix --out a.clean.jsonl"
    assert redact == "hint: up to 1 finding can be mended: add --redact --out a.clean.jsonl"
    assert summary == "9 rows, 0 errors, 1 warning, 2 infos; 0 usable"


def test_json_in_portions_is_one_document_with_every_finding() -> None:
    findings = [find(line=line, text='"é"') for line in range(1, 2501)]
    portions = list(write_json(report(*findings), more={"a": 1}))
    assert len(portions) >= 4
    document = json.loads("\n".join(portions))
    assert document == {"more": {"a": 1}, **report(*findings).to_json()}
    assert len(document["findings"]) == 2500
    assert json.loads("\n".join(write_json(report())))["findings"] == []


def test_rules_are_listed_with_what_mends_them() -> None:
    rule = {"code": "LD1", "name": "a", "severity": "error", "fix": "", "family": "file", "finds": "This.\n\nMore."}
    table = render_rules([rule, {**rule, "fix": "x"}, {**rule, "fix": "x", "family": "privacy"}]).splitlines()
    assert [line.split() for line in table] == [
        ["code", "name", "severity", "fix", "finds"],
        ["LD1", "a", "error", "This."],
        ["LD1", "a", "error", "fix", "This."],
        ["LD1", "a", "error", "redact", "This."],
    ]
