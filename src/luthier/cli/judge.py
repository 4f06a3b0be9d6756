"""`luthier judge`: a model that judges others, held against people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, EngineKind


def sheet(
    out: Annotated[
        Path, typer.Option(metavar="FILE", dir_okay=False, help="Where the table is written; CSV, for a spreadsheet.")
    ],
    report: Annotated[
        str | None,
        typer.Argument(metavar="[REPORT]", help="Name of its test, or its fingerprint; the latest if left out."),
    ] = None,
    count: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How many answers people are to label.")] = 40,
    as_json: AsJson = False,
) -> None:
    """Write answers of a kept report to a table, for people to label.

    They write yes or no in the column `passed`. Half of the answers passed and half failed, if there are enough, in
    random order; neither the model nor the grade is shown.
    """
    from luthier import pipeline
    from luthier.cli.render_judge import describe_sheet, render_sheet

    written = pipeline.write_label_sheet(report, out, count=count)
    output.emit(describe_sheet(written), render_sheet(written), as_json=as_json)


def check(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="The table that people have filled in, or JSONL.")],
    data: Annotated[Path, typer.Option(metavar="PATH", help="The test that the answers are to.")],
    grader: Annotated[str, typer.Option(metavar="GRADER", help="The judge, such as judge.json, or any other grader.")],
    engine: EngineKind = "torch",
    as_json: AsJson = False,
) -> None:
    """See how far a judge agrees with the labels of people.

    Its verdicts count in `luthier eval --human-labels` when it agrees surely enough; the exit code is 1 when not.
    """
    from luthier import pipeline
    from luthier.cli.progress import show_progress
    from luthier.cli.render_judge import describe_agreement, render_agreement

    with show_progress() as progress:
        found = pipeline.check_labels(labels, data, grader, engine=engine, progress=progress)
    output.emit(describe_agreement(found), render_agreement(found), as_json=as_json, is_good=found.may_gate)
