"""A check's report becomes a SARIF 2.1.0 log, the form in which CI systems take findings, GitHub's among them.

The words are those of the standard: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from luthier import __version__
from luthier.conversation import fingerprint_json
from luthier.data.lint.family import family_of
from luthier.data.mending.redaction import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from luthier.data.check import CheckReport
    from luthier.data.finding import Finding
    from luthier.data.jsonl import Line
    from luthier.data.lint.rule import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning", "info": "note"}
GITHUB_SEVERITIES = {"error": "error", "warning": "warning", "info": "recommendation"}

MOST_RESULTS = 25_000
"""Of a run, on GitHub: https://docs.github.com/en/code-security/code-scanning/troubleshooting-sarif-uploads/results-exceed-limit"""

FINGERPRINT = "primaryLocationLineHash"
"""The key of `partialFingerprints` by which GitHub knows a finding again."""


def build_sarif(
    report: CheckReport,
    rules: Sequence[Rule[Any]],
    *,
    row_hashes: Mapping[int, str],
    root: Path,
    exit_code: int,
    most_results: int = MOST_RESULTS,
) -> dict[str, Any]:
    """`row_hashes` is what `hash_rows` gave; paths are written relative to `root`, with forward slashes.

    Of more findings than `most_results` the first of each rule are kept, and a notification says so.
    """
    kept = _keep_first(report.findings, most_results)
    indices = {rule.code: index for index, rule in enumerate(rules)}
    seen: Counter[str] = Counter()
    results = [
        {
            "ruleId": finding.code,
            "ruleIndex": indices[finding.code],
            "level": LEVELS[finding.severity],
            "message": {"text": _phrase_message(finding)},
            "locations": [_locate(report.path, finding.line, root)],
            **_describe_related(finding, report.path, root),
            "partialFingerprints": {FINGERPRINT: _count_up(seen, _hash_finding(finding, row_hashes))},
        }
        for finding in kept
    ]
    loss = [_describe_loss(report.findings, kept, most_results)] if len(kept) < len(report.findings) else []
    run = {
        "tool": {"driver": _describe_driver(rules)},
        "invocations": [_describe_invocation(exit_code, loss)],
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def hash_rows(lines: Iterable[Line], findings: Iterable[Finding]) -> dict[int, str]:
    """By what stands in it, each row that has a finding; so a finding is the same after rows have moved."""
    wanted = {finding.line for finding in findings}
    return {line.number: _hash_line(line) for line in lines if line.number in wanted}


def _hash_line(line: Line) -> str:
    return fingerprint_json(line.value) if line.is_parsed else hashlib.sha256(line.raw).hexdigest()


def _hash_finding(finding: Finding, row_hashes: Mapping[int, str]) -> str:
    """Of the rule, the row and the place in it: not of the message, which may name the lines of other rows."""
    row = row_hashes.get(finding.line, "") if finding.line is not None else ""
    parts = (finding.code, row, finding.message_index, finding.text)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _count_up(seen: Counter[str], key: str) -> str:
    """The same finding on a row that stands twice is two findings."""
    seen[key] += 1
    return f"{key}:{seen[key]}"


def _keep_first(findings: Sequence[Finding], most: int) -> list[Finding]:
    """As many of each rule as rules with more findings allow; the order stays."""
    share = _share_out(Counter(finding.code for finding in findings), most)
    seen: Counter[str] = Counter()
    kept: list[Finding] = []
    for finding in findings:
        seen[finding.code] += 1
        if seen[finding.code] <= share:
            kept.append(finding)
    return kept


def _share_out(counts: Mapping[str, int], most: int) -> int:
    """The largest number that every rule may have so that all together stay within `most`."""
    room, share = most, max(counts.values(), default=0)
    for position, count in enumerate(sorted(counts.values())):
        fair = room // (len(counts) - position)
        if count > fair:
            return fair
        room -= count
    return share


def _locate(path: Path, line: int | None, root: Path) -> dict[str, Any]:
    """A finding about the whole file stands at line 1: without a line GitHub shows nothing."""
    resolved, base = path.absolute(), root.absolute()
    if resolved.is_relative_to(base):
        artifact = {"uri": quote(resolved.relative_to(base).as_posix()), "uriBaseId": "%SRCROOT%"}
    else:
        artifact = {"uri": resolved.as_uri()}
    return {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": line or 1}}}


def _describe_related(finding: Finding, path: Path, root: Path) -> dict[str, Any]:
    if finding.related_line is None:
        return {}
    other = Path(finding.related_file) if finding.related_file else path
    place = _locate(other, finding.related_line, root)
    return {"relatedLocations": [{"id": 1, "message": {"text": "the other row"}, **place}]}


def _phrase_message(finding: Finding) -> str:
    """Without secrets and people's data, because a log is read by others; and with no link that a row brought along."""
    shows_text = finding.text and finding.text not in finding.message
    message = f"{finding.message}: {finding.text}" if shows_text else finding.message
    return redact_text(message).text.replace("](", "] (")


def _describe_driver(rules: Sequence[Rule[Any]]) -> dict[str, Any]:
    return {
        "name": "luthier",
        "semanticVersion": __version__,
        "rules": [_describe_rule(rule) for rule in rules],
    }


def _describe_rule(rule: Rule[Any]) -> dict[str, Any]:
    """Without a helpUri, which has to be absolute: the documentation comes with the program and has no address."""
    what, why, remedy = (_as_sentence(text) for text in (rule.finds, rule.why, rule.hint))
    explain = f"luthier check --explain {rule.code}"
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": what},
        "fullDescription": {"text": f"{what} {why}"},
        "help": {
            "text": f"{remedy} More: {explain}",
            "markdown": f"{remedy}\n\nExample:\n\n````\n{rule.example}\n````\n\n`{explain}` says more.",
        },
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "tags": [family_of(rule.code)],
            "problem.severity": GITHUB_SEVERITIES[rule.severity],
        },
    }


def _as_sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def _describe_invocation(exit_code: int, notifications: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "executionSuccessful": True,
        "exitCode": exit_code,
        "exitCodeDescription": "findings that have to go" if exit_code else "nothing that has to go",
        "toolExecutionNotifications": notifications,
    }


def _describe_loss(found: Sequence[Finding], kept: Sequence[Finding], most: int) -> dict[str, Any]:
    before, after = (Counter(finding.code for finding in findings) for findings in (found, kept))
    lost = [f"{code} {after[code]:,} of {count:,}" for code, count in sorted(before.items()) if after[code] < count]
    text = f"a run holds at most {most:,} results, so the first of each rule were kept: {', '.join(lost)}"
    return {"level": "warning", "message": {"text": text}}
