"""Warnings of `luthier check` go in; out comes which rows they speak against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from luthier.curation.signal import Scores, Signal
from luthier.data.lint.family import family_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.curation.candidates import Candidates
    from luthier.data.finding import Finding

FINDING = Signal(
    name="finding",
    measures="warnings of `luthier check` about this row's roles, tools, content or consistency",
    source="the rules that `luthier check --explain CODE` describes",
    weight=0.3,
)
JUDGED_FAMILIES = frozenset({"roles", "preference", "tools", "content", "consistency"})
"""Duplicates are dealt with by themselves, and a name or an address is no flaw of an answer."""


def score_findings(rows: Candidates, findings: Sequence[Finding]) -> Scores:
    by_line: dict[int, list[Finding]] = {}
    for finding in findings:
        if finding.line is not None and finding.severity == "warning" and family_of(finding.code) in JUDGED_FAMILIES:
            by_line.setdefault(finding.line, []).append(finding)
    of_row = [by_line.get(example.line, []) for example in rows.examples]
    counts = np.array([float(len(found)) for found in of_row])
    reasons = ["; ".join(f"{finding.code} {finding.message}" for finding in found) for found in of_row]
    return Scores(FINDING, counts, np.minimum(counts, 1.0), reasons)
