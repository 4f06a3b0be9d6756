"""`luthier curate`: the best rows of a training file, and why the others are left out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson


def curate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A training file, such as the train.jsonl of a split.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The JSONL file to write; its ledger is written beside it.")
    ],
    keep: Annotated[float, typer.Option(metavar="FRACTION", help="Share of the rows to keep.")] = 0.5,
    rows: Annotated[
        int | None, typer.Option(metavar="COUNT", help="Number of rows to keep, instead of a share.")
    ] = None,
    base: Annotated[
        str, typer.Option(metavar="NAME", help="The base model whose losses judge the answers.")
    ] = "smollm2-135m",
    no_model: Annotated[bool, typer.Option("--no-model", help="Judge without a base model, which is quicker.")] = False,
    replaces: Annotated[bool, typer.Option("--force", help="Replace files that are there already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Propose a smaller training file of better rows.

    Each row is judged by its form, by the answers to requests like it, by the words it takes from its request and
    by what the base makes of it. Sound rows that cover the whole are kept; OUT.ledger.jsonl gives every row's rank,
    scores and reasons. FILE stays as it is.
    """
    from luthier import pipeline
    from luthier.cli.progress import show_progress
    from luthier.cli.render_curate import describe_curation, render_curation

    with show_progress() as progress:
        proposal = pipeline.curate(
            file,
            out,
            keep=keep,
            rows=rows,
            base=None if no_model else base,
            replaces=replaces,
            progress=progress,
        )
    output.emit(describe_curation(proposal, out), render_curation(proposal, out), as_json=as_json)
