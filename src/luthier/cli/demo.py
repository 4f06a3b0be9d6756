"""`luthier demo`: the whole loop on the data that comes with Luthier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson


def demo(
    report: Annotated[
        Path, typer.Option(metavar="FILE", dir_okay=False, help="Where the report page is written.")
    ] = Path("report.html"),
    as_json: AsJson = False,
) -> None:
    """Show the whole loop on 300 example orders.

    Checks and splits the orders, tunes a small model on them and compares it with its base, in a few
    minutes. The exit code is that of the verdict: 0 to ship, 1 not to ship, 4 when it cannot tell.
    """
    from luthier import pipeline
    from luthier.cli.progress import show_progress
    from luthier.cli.render_evaluation import render_demo

    with show_progress() as progress:
        result = pipeline.demo(report=report, progress=progress)
    document = {"model": result.model.name, "report": str(report), **result.report.to_json()}
    text = render_demo(result, files=pipeline.ReportFiles(page=report), program=output.program_name())
    output.emit_verdict(document, text, result.report.verdict, as_json=as_json)
