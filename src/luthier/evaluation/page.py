"""A report goes in, one HTML page that opens anywhere comes out: the answer first, then what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.evaluation.pages.document import render_page
from luthier.evaluation.pages.opening import build_opening
from luthier.evaluation.pages.sections import Surroundings, list_sections

if TYPE_CHECKING:
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.summaries import DataSummary, TrainingSummary


def render_report(
    report: EvalReport,
    *,
    training: TrainingSummary | None = None,
    data: DataSummary | None = None,
    command: str = "",
) -> str:
    """`command` is what the reader types to measure again; the sections of what is None are left out."""
    sections = list_sections(report, Surroundings(training, data, command))
    values = {name: value for section in sections for name, value in section.values.items()}
    return render_page("report.html.jinja", report=report, opening=build_opening(report), contents=sections, **values)
