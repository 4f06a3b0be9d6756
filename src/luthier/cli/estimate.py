"""`luthier estimate`: what a training will cost, before it is begun."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, Assignments, BaseName, DataPath, Recipe

if TYPE_CHECKING:
    from luthier.training.planning.estimate import Estimate


def estimate(
    data: DataPath,
    base: BaseName = "smollm2-135m",
    recipe: Recipe = None,
    assignments: Assignments = None,
    probes: Annotated[
        bool, typer.Option("--probe/--no-probe", help="Take a few training steps here to measure time and memory.")
    ] = True,
    prices: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A table of prices in TOML, instead of the one that comes along."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what `luthier tune` will cost in time and money.

    The probe's steps are those of the training itself, and nothing of them is kept. Prices of hosted services
    are for the same tokens; theirs differ a little, since each model has its own tokenizer.
    """
    from luthier import pipeline
    from luthier.cli.progress import show_progress
    from luthier.training.config import parse_assignments

    settings = parse_assignments(assignments or [])
    with show_progress() as progress:
        found = pipeline.estimate(
            data, base=base, recipe=recipe, settings=settings, probes=probes, prices=prices, progress=progress
        )
    show_estimate(found, as_json=as_json)


def show_estimate(estimate: Estimate, *, as_json: bool) -> None:
    """What should make one hesitate goes to stderr."""
    from luthier.cli.render_estimate import list_warnings, render_estimate

    for warning in list_warnings(estimate):
        output.note(f"warning: {warning}")
    output.emit(estimate.to_json(), render_estimate(estimate), as_json=as_json)
