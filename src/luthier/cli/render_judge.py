"""What is known of a judge becomes plain text for people, or a document for --json."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from luthier.cli.render import format_table
from luthier.evaluation.wording import phrase_cases, phrase_fraction, phrase_range, phrase_score

if TYPE_CHECKING:
    from luthier.evaluation.judging.agreement import JudgeAgreement, Share
    from luthier.pipeline.judging import Sheet
    from luthier.stats.intervals import Interval


def describe_sheet(sheet: Sheet) -> dict[str, Any]:
    return {"file": str(sheet.path), "report": sheet.report, "rows": sheet.rows, "passed": sheet.passed}


def render_sheet(sheet: Sheet) -> str:
    rows = phrase_cases(sheet.rows, "answer")
    return (
        f"{rows} of {sheet.report} in {sheet.path}\n"
        "write yes or no in the column passed, then:\n"
        f"  luthier judge check {sheet.path} --data DATA --grader JUDGE"
    )


def describe_agreement(found: JudgeAgreement) -> dict[str, Any]:
    return {**asdict(found), "may_gate": found.may_gate, "reason": found.reason}


def render_agreement(found: JudgeAgreement) -> str:
    rows = [
        ("agreement", _phrase_count(found.agreed, found.cases, found.interval)),
        ("kappa", "unknown" if found.kappa is None else _phrase_kappa(found.kappa, found.kappa_interval)),
        ("passes what people passed", _phrase_share(found.sensitivity)),
        ("fails what people failed", _phrase_share(found.specificity)),
    ]
    answer = "its word may count" if found.may_gate else "its word may not count"
    return f"{format_table(rows)}\n\n{found.reason}\n{answer}"


def _phrase_share(share: Share) -> str:
    return _phrase_count(share.count, share.total, share.interval)


def _phrase_count(count: int, total: int, interval: Interval | None) -> str:
    if not total or interval is None:
        return "no labels"
    return f"{count} of {total}, {phrase_fraction(count / total)} ({phrase_range(*interval)})"


def _phrase_kappa(kappa: float, interval: Interval | None) -> str:
    return f"{phrase_score(kappa)} ({phrase_score(interval.low)} to {phrase_score(interval.high)})" if interval else ""
