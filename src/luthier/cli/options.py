"""Options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on stdout.")]
Temperature = Annotated[
    float,
    typer.Option(metavar="NUMBER", min=0, max=2, help="0 takes the likeliest token; higher values choose more freely."),
]
MaxTokens = Annotated[int, typer.Option(metavar="COUNT", min=1, help="Longest answer in tokens; a longer one is cut.")]
Seed = Annotated[int | None, typer.Option(metavar="NUMBER", help="The same seed gives the same answer again.")]
