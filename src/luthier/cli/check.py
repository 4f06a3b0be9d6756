"""`luthier check`: what in a chat file would spoil a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson
from luthier.errors import UsageError


def check(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A file in OpenAI's chat format.")] = None,
    explain: Annotated[
        str | None, typer.Option(metavar="CODE", help="Say what a rule finds and why, instead of checking.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find what in a chat file would spoil a model.

    Every rule looks at every row. The exit code is 1 when there are errors; warnings pass.
    """
    from luthier import pipeline
    from luthier.cli.render import render_check, render_rule

    if (file is None) == (explain is None):
        raise UsageError("name a FILE, or a rule with --explain", hint="luthier check orders.jsonl")
    if explain is not None:
        rule = pipeline.explain_rule(explain)
        output.emit(rule, render_rule(rule), as_json=as_json)
    elif file is not None:
        report = pipeline.check(file)
        output.emit(report.to_json(), render_check(report), as_json=as_json, is_good=not report.has_errors)
