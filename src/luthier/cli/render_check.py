"""What a check has found becomes text: findings grouped by rule, what the file is like, and a line that sums it up."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.cli.render import format_table
from luthier.cli.render_profile import render_profile
from luthier.data.lint.registry import ALL_RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from luthier.data.check import CheckReport
    from luthier.data.finding import Finding
    from luthier.data.lint.rule import Rule
    from luthier.data.mending.mending import Mending

RULES = {rule.code: rule for rule in ALL_RULES}

DEVICES = Path("/dev")

FINDINGS_SHOWN = 5
"""Of each rule, without --all."""

LINES_AT_ONCE = 1000
"""A long report is printed in such portions: one text of a hundred thousand lines would be coloured for a minute."""

SEVERITIES = {"error": ("error", "errors"), "warning": ("warning", "warnings"), "info": ("info", "infos")}
"""In the order in which they are shown, with the words for one and for several."""


class Group(NamedTuple):
    """All findings of one rule, in the order of the file."""

    rule: Rule[Any]
    findings: list[Finding]


def render_check(report: CheckReport, *, shows_all: bool = False, is_mended: bool = False) -> Iterator[str]:
    """In portions: what was found, rule by rule; what the file is like; and, unless it was just mended, what to do."""
    for group in group_findings(report.findings):
        yield from _portion(_render_group(group, report.path, None if shows_all else FINDINGS_SHOWN))
    if report.summary["examples"]:
        yield render_profile(report)
        yield ""
    yield "\n".join([*(() if is_mended else _suggest_fix(report)), render_summary(report)])


def write_json(report: CheckReport, **more: Any) -> Iterator[str]:
    """One JSON document in portions, each finding on a line of its own."""
    head = json.dumps({**more, **report.describe()}, indent=2).removesuffix("\n}")
    yield f'{head},\n  "findings": ['
    last = len(report.findings) - 1
    lines = (f"    {json.dumps(f.to_json())}{',' if i < last else ''}" for i, f in enumerate(report.findings))
    yield from _portion(lines)
    yield "  ]\n}"


def render_rule(rule: Mapping[str, str]) -> str:
    lines = [f"{rule['code']} {rule['name']} ({rule['severity']}, {rule['family']})", "", rule["finds"]]
    lines += [f"{key}: {rule[key]}" for key in ("why", "example", "hint", "fix") if rule[key]]
    return "\n".join(lines)


def render_rules(rules: Sequence[Mapping[str, str]]) -> str:
    rows = [("code", "name", "severity", "fix", "finds")]
    for rule in rules:
        fix = "" if not rule["fix"] else "redact" if rule["family"] == "privacy" else "fix"
        rows.append((rule["code"], rule["name"], rule["severity"], fix, rule["finds"].splitlines()[0]))
    return format_table(rows)


def render_mending(mending: Mending) -> str:
    """What was mended and what had to go, rule by rule; what is left is for the report on the copy to say."""
    target, ledger = mending.order.target, mending.order.ledger
    lines = [f"mended: {phrase_count(mending.mended.total(), 'finding', 'findings')}", *_list_counts(mending.mended)]
    if mending.discarded:
        count = phrase_count(mending.discarded.total(), "row", "rows")
        lines += [f"dropped: {count} that cannot be trained on", *_list_counts(mending.discarded)]
    if mending.lost_count:
        lines.append(f"lost: {phrase_count(mending.lost_count, 'line', 'lines')} that cannot be read")
    if mending.dropped_count:
        lines.append(f"left out in all: {phrase_count(mending.dropped_count, 'line', 'lines')}")
    return "\n".join([*lines, f"copy: {target}", f"ledger: {ledger}", "", f"left in {target}:", ""])


def describe_mending(mending: Mending) -> dict[str, Any]:
    return {
        "mending": {
            "source": str(mending.order.source),
            "ledger": str(mending.order.ledger),
            "mended": dict(sorted(mending.mended.items())),
            "discarded": dict(sorted(mending.discarded.items())),
            "dropped": mending.dropped_count,
            "lost": mending.lost_count,
        }
    }


def group_findings(findings: Iterable[Finding]) -> list[Group]:
    """Errors first, then warnings, then infos; within these by code."""
    groups: dict[str, Group] = {}
    for finding in findings:
        if finding.code not in groups:
            groups[finding.code] = Group(RULES[finding.code], [])
        groups[finding.code].findings.append(finding)
    ranks = list(SEVERITIES)
    return sorted(groups.values(), key=lambda group: (ranks.index(group.rule.severity), group.rule.code))


def render_summary(report: CheckReport) -> str:
    summary = report.summary
    words = (("row", "rows"), *SEVERITIES.values())
    counts = ", ".join(phrase_count(summary[several], one, several) for one, several in words)
    kind = f", answers in {summary['answer_kind']}" if summary["examples"] else ""
    return f"{counts}; {summary['examples']:,} usable{kind}"


def phrase_count(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def _list_counts(counts: Mapping[str, int]) -> list[str]:
    rows = [(code, RULES[code].name, phrase_count(count, "line", "lines")) for code, count in sorted(counts.items())]
    return [f"  {line}" for line in format_table(rows).splitlines()] if rows else []


def _suggest_fix(report: CheckReport) -> Iterator[str]:
    """Nothing for a stream, which is gone when it has been read."""
    if DEVICES in report.path.parents:
        return
    for option, is_privacy in (("--fix", False), ("--redact", True)):
        rules = {code for code, rule in RULES.items() if rule.fix and rule.is_privacy is is_privacy}
        count = sum(finding.code in rules for finding in report.findings)
        if count:
            out = report.path.with_name(f"{report.path.stem}.clean.jsonl")
            words = shlex.join([option, "--out", str(out)])
            yield f"hint: up to {phrase_count(count, 'finding', 'findings')} can be mended: add {words}"


def _render_group(group: Group, path: Path, limit: int | None) -> Iterator[str]:
    """The hint that most findings share stands once, below them; another one stands below the first that has it."""
    count = len(group.findings)
    shown = group.findings[:limit]
    rule = group.rule
    yield f"{rule.severity} {rule.code} {rule.name}: {phrase_count(count, 'finding', 'findings')}"
    common, _ = Counter(finding.hint for finding in shown).most_common(1)[0]
    hinted = {common}
    for finding in shown:
        yield from _render_finding(finding, path)
        if finding.hint not in hinted:
            hinted.add(finding.hint)
            yield f"  hint: {finding.hint}"
    if count > len(shown):
        yield f"  {count - len(shown):,} more, shown with --all"
    yield f"  hint: {common}"
    yield ""


def _render_finding(finding: Finding, path: Path) -> Iterator[str]:
    """The place first, as editors link it; what it is about below, where the sentence does not quote it."""
    place = path if finding.line is None else f"{path}:{finding.line}"
    message = f"message {finding.message_index}"
    is_named = finding.message_index is None or message in finding.message
    suffix = "" if is_named else f" ({message})"
    yield f"{place}: {finding.severity} {finding.code} {finding.message}{suffix}"
    if finding.text and finding.text not in finding.message:
        yield f"    {finding.text}"


def _portion(lines: Iterable[str]) -> Iterator[str]:
    portion: list[str] = []
    for line in lines:
        portion.append(line)
        if len(portion) == LINES_AT_ONCE:
            yield "\n".join(portion)
            portion.clear()
    if portion:
        yield "\n".join(portion)
