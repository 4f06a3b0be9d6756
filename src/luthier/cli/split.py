"""`luthier split`: one file into train, validation and test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson


def split(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file in OpenAI's chat format.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the three files are written.")],
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Decides which rows go where.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Deal a file into train, validation and test rows.

    No prompt stands on two sides. 80 percent of the rows go to train.jsonl, 10 to validation.jsonl and 10
    to test.jsonl.
    """
    from luthier import pipeline
    from luthier.cli.render import render_splits

    splits = pipeline.split(file, out, seed=seed)
    document = {"folder": str(out), **splits.manifest()}
    output.emit(document, render_splits(splits, out), as_json=as_json)
