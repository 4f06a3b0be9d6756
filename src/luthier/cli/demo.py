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
    minutes. The exit code is 0 when the verdict is "ship".
    """
    from luthier import pipeline
    from luthier.cli.progress import show_progress
    from luthier.cli.render import render_demo

    with show_progress() as progress:
        result = pipeline.demo(report=report, progress=progress)
    verdict = result.report.verdict
    document = {"model": result.model.name, "report": str(report), **result.report.to_json()}
    is_good = verdict is not None and verdict.decision == "ship"
    text = render_demo(result, page=report, program=output.program_name())
    output.emit(document, text, as_json=as_json, is_good=is_good)
