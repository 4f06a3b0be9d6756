"""`luthier models`, `runs`, `show` and `lineage`: what is kept in the home folder."""

from __future__ import annotations

from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson

KeptName = Annotated[str, typer.Argument(metavar="NAME", help="A name, an id, or the beginning of a fingerprint.")]


def models(as_json: AsJson = False) -> None:
    """List the tuned models and the bases.

    The latest come first; bases are those that come with Luthier.
    """
    from luthier import pipeline
    from luthier.cli.render import describe_models, render_models

    home = pipeline.open_home()
    records, bases = pipeline.list_models(home=home), pipeline.list_bases(home=home)
    output.emit(describe_models(records, bases), render_models(records, bases), as_json=as_json)


def runs(as_json: AsJson = False) -> None:
    """List the training runs and how each ended."""
    from luthier import pipeline
    from luthier.cli.render import describe_runs, render_runs

    records = pipeline.list_runs()
    output.emit(describe_runs(records), render_runs(records), as_json=as_json)


def show(name: KeptName, as_json: AsJson = False) -> None:
    """Show all that is kept about a model, run or report."""
    from luthier import pipeline
    from luthier.cli.render import render_kept

    found = pipeline.show(name)
    output.emit(found, render_kept(found), as_json=as_json)


def lineage(name: KeptName, as_json: AsJson = False) -> None:
    """Trace what something was made from, back to the data."""
    from luthier import pipeline
    from luthier.cli.render import render_lineage

    found = pipeline.show(name)
    line = [{key: found[key] for key in ("kind", "name", "fingerprint")}, *found["lineage"]]
    output.emit({"lineage": line}, render_lineage(line), as_json=as_json)
