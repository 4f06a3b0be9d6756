"""`luthier convert`: rows of any format in OpenAI's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, Map
from luthier.cli.progress import show_progress

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="JSONL, JSON, CSV or Parquet, or a folder of a Hugging Face data set.")
]
Out = Annotated[Path, typer.Option(metavar="FILE", help="The JSONL file to write.")]
To = Annotated[Literal["openai", "chat", "preference"], typer.Option(help="openai writes the form that fits the rows.")]
From = Annotated[str | None, typer.Option("--from", metavar="FORMAT", help="The format, rather than telling it.")]
System = Annotated[str, typer.Option(metavar="TEXT", help="A system prompt for rows that have none.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out rows that cannot be converted, and list them.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")]


def convert(
    file: File,
    *,
    out: Out,
    to: To = "openai",
    source_format: From = None,
    columns: Map = None,
    system: System = "",
    skips_bad: SkipBad = False,
    replaces: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a file of any format in OpenAI's.

    The format is told by all rows of the file; OpenAI's own, prompt and completion, ShareGPT, Alpaca and TRL's
    preferences are known, and --map says what the columns of any other hold. What is no part of the conversation
    goes to each row's metadata. When a row cannot be converted, nothing is written, unless --skip-bad leaves it out
    and lists it in OUT.skipped.jsonl.
    """
    from luthier import pipeline
    from luthier.cli.render_convert import render_conversion

    with show_progress() as progress:
        conversion = pipeline.convert(
            file,
            out,
            to=to,
            source_format=source_format,
            columns=columns or (),
            system=system,
            skips_bad=skips_bad,
            replaces=replaces,
            progress=progress,
        )
    output.emit(conversion.to_json(), render_conversion(conversion), as_json=as_json)
