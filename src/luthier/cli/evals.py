"""`luthier evals`: OpenAI's evals, brought to a server of one's own and run there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, Server

EvalId = Annotated[str, typer.Argument(metavar="ID", help="As `luthier evals list` shows it.")]


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Evals as OpenAI's API shows them, or a grader.")],
    judge: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Judge with this model instead of those that the evals name.")
    ] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Bring evals or a grader made for OpenAI to a server.

    The file holds one eval, a list of them, or JSON Lines, as `client.evals.list()` gives them.
    """
    from luthier.cli.render_evals import render_evals
    from luthier.pipeline.evals.server import open_evals

    with open_evals(server) as desk:
        made = desk.import_evals(file, judge=judge)
    output.emit({"evals": made}, render_evals(made), as_json=as_json)


def list_(server: Server = None, as_json: AsJson = False) -> None:
    """List the evals, the earliest first."""
    from luthier.cli.render_evals import render_evals
    from luthier.pipeline.evals.server import open_evals

    with open_evals(server) as desk:
        evals = desk.list_evals()
    output.emit({"evals": evals}, render_evals(evals), as_json=as_json)


def runs(eval_id: EvalId, server: Server = None, as_json: AsJson = False) -> None:
    """List the runs of an eval with their results, the earliest first."""
    from luthier.cli.render_evals import render_runs
    from luthier.pipeline.evals.server import open_evals

    with open_evals(server) as desk:
        found = desk.list_runs(eval_id)
    output.emit({"runs": found}, render_runs(found), as_json=as_json)


def run(
    eval_id: EvalId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A run, or its data_source, as OpenAI's API has it.")],
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Ask this model instead of the file's.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help='Take the items from JSON Lines of {"item": ...} instead.')
    ] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Run an eval on a server and wait for its result.

    The exit code is 1 when the run fails or is canceled. Ctrl-C leaves it going on the server.
    """
    from luthier.cli.render_evals import render_progress, render_run
    from luthier.pipeline.evals.server import open_evals

    with open_evals(server) as desk:
        ended = desk.run(eval_id, file, model=model, data=data, tell=lambda run: output.note(render_progress(run)))
    output.emit(ended, render_run(ended), as_json=as_json, is_good=ended["status"] == "completed")
