"""`luthier preview`: a row as the model will see it, with what is trained told apart from what is masked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, BaseName


def preview(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of training rows.")],
    line: Annotated[
        list[int] | None, typer.Option(metavar="N", min=1, help="A line to show; may be repeated. The first sound row.")
    ] = None,
    base: BaseName = "smollm2-135m",
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write a page that shows every token.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a row token by token: what is trained and what is masked.

    These are the tokens of training itself: what stands in brackets is learned, the rest is only read. A row
    that cannot be trained shows why, and the exit code is then 1.
    """
    from luthier import pipeline
    from luthier.cli.progress import show_progress
    from luthier.cli.render_preview import render_previews

    with show_progress() as progress:
        rows = pipeline.preview(file, line or (), base=base, progress=progress)
    if html is not None:
        pipeline.write_preview(rows, html, file=file, base=base)
    document = {"file": str(file), "base": base, "rows": [row.to_json() for row in rows]}
    is_good = all(row.is_sound for row in rows)
    output.emit(document, render_previews(rows, str(file)), as_json=as_json, is_good=is_good)
