"""Options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on stdout.")]
BaseName = Annotated[
    str,
    typer.Option(metavar="NAME", help="Base model: smollm2-135m, a folder, or a name on the Hugging Face hub."),
]
DataPath = Annotated[str, typer.Argument(metavar="DATA", help="A chat file, or the folder that `luthier split` wrote.")]
Recipe = Annotated[
    str | None, typer.Option(metavar="NAME|FILE", help="Settings from a recipe: its name, or a TOML file.")
]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting; may be repeated.")
]
Temperature = Annotated[
    float,
    typer.Option(metavar="NUMBER", min=0, max=2, help="0 takes the likeliest token; higher values choose more freely."),
]
MaxTokens = Annotated[int, typer.Option(metavar="COUNT", min=1, help="Longest answer in tokens; a longer one is cut.")]
Seed = Annotated[int | None, typer.Option(metavar="NUMBER", help="The same seed gives the same answer again.")]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="PART=COLUMN", help="Of a table: user=question, assistant=answer; may be repeated."),
]
