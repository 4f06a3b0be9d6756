"""What models make of pairs of answers becomes plain text; a report of graded answers has a writer of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.cli.render import format_table
from luthier.cli.render_evaluation import render_evaluation, render_verdict
from luthier.evaluation.wording import phrase_fraction

if TYPE_CHECKING:
    from luthier.evaluation.ordering import PairComparison
    from luthier.evaluation.preference_report import PreferenceReport
    from luthier.evaluation.report import EvalReport
    from luthier.pipeline import ReportFiles


def render_measurement(report: EvalReport | PreferenceReport, *, files: ReportFiles | None = None) -> str:
    from luthier.evaluation.preference_report import PreferenceReport

    if isinstance(report, PreferenceReport):
        return render_order(report)
    return render_evaluation(report, files=files)


def render_order(report: PreferenceReport) -> str:
    rows = [("model", "preferred answer likelier", "share")]
    for result in report.results:
        share = phrase_fraction(result.likelier / result.total)
        rows.append((result.model, f"{result.likelier} of {result.total}", share))
    parts = [format_table(rows)]
    if report.comparison is not None and report.verdict is not None:
        parts += ["", *_describe_moves(report.comparison), "", *render_verdict(report.verdict)]
    return "\n".join(parts)


def _describe_moves(comparison: PairComparison) -> list[str]:
    lines = [
        f"moved towards the preferred answer: {comparison.right} of {comparison.total}, by {comparison.mean_move:+.2f} "
        "nats a pair on average"
    ]
    for is_shorter, what in ((True, "shorter"), (False, "no shorter")):
        right, total = comparison.count_by_length(is_shorter=is_shorter)
        if total:
            lines.append(f"  where it is the {what} one: {right} of {total}")
    return lines
