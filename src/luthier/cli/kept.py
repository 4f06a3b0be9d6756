"""`luthier models`, `runs`, `show` and `lineage`: what is kept in the home folder, here or behind a server."""

from __future__ import annotations

from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, Server

KeptName = Annotated[str, typer.Argument(metavar="NAME", help="A name, an id, or the beginning of a fingerprint.")]


def models(server: Server = None, as_json: AsJson = False) -> None:
    """List the tuned models and the bases.

    The latest come first; bases are those that come with Luthier.
    """
    from luthier import pipeline
    from luthier.cli.render import describe_models, render_models

    with pipeline.open_shelf(server) as shelf:
        records, bases = shelf.list_models(), shelf.list_bases()
    output.emit(describe_models(records, bases), render_models(records, bases), as_json=as_json)


def runs(server: Server = None, as_json: AsJson = False) -> None:
    """List the training runs and how each ended."""
    from luthier import pipeline
    from luthier.cli.render import describe_runs, render_runs

    with pipeline.open_shelf(server) as shelf:
        records = shelf.list_runs()
    output.emit(describe_runs(records), render_runs(records), as_json=as_json)


def show(name: KeptName, server: Server = None, as_json: AsJson = False) -> None:
    """Show all that is kept about a model, run or report."""
    from luthier import pipeline
    from luthier.cli.render import render_kept

    with pipeline.open_shelf(server) as shelf:
        found = shelf.show(name)
    output.emit(found, render_kept(found), as_json=as_json)


def lineage(name: KeptName, server: Server = None, as_json: AsJson = False) -> None:
    """Trace what something was made from, back to the data."""
    from luthier import pipeline
    from luthier.cli.render import render_lineage

    with pipeline.open_shelf(server) as shelf:
        found = shelf.show(name)
    line = [{key: found[key] for key in ("kind", "name", "fingerprint")}, *found["lineage"]]
    output.emit({"lineage": line}, render_lineage(line), as_json=as_json)
