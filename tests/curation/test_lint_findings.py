"""Warnings about a row's answer count against it; what is no flaw of the answer does not."""

from __future__ import annotations

from luthier.curation.lint_findings import score_findings
from luthier.data.finding import Finding, Severity
from tests.curation.requests import build_candidates


def find(code: str, line: int | None, severity: Severity = "warning") -> Finding:
    return Finding(code, severity, line, "something is odd", "mend it")


def test_a_warning_counts_against_its_row_and_is_its_reason() -> None:
    scores = score_findings(build_candidates(4), [find("LD403", 2), find("LD301", 2)])
    assert scores.suspicions.tolist() == [0, 1, 0, 0]
    assert scores.reasons[1] == "LD403 something is odd; LD301 something is odd"


def test_infos_duplicates_privacy_and_findings_on_the_file_do_not_count() -> None:
    findings = [find("LD403", 1, "info"), find("LD901", 2), find("LD601", 3), find("LD801", None)]
    assert score_findings(build_candidates(4), findings).suspicions.max() == 0
