"""Options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on stdout.")]
Server = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Work with the Luthier server at this address; LUTHIER_SERVER names one for all commands."
    ),
]
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
TopP = Annotated[
    float,
    typer.Option(
        metavar="NUMBER", min=0.001, max=1, help="Choose among the likeliest tokens that together reach this."
    ),
]
Seed = Annotated[int | None, typer.Option(metavar="NUMBER", help="The same seed draws the same random numbers again.")]
Structure = Annotated[
    str | None,
    typer.Option(metavar="FORM", help="Hold every answer to a form: json, schema:FILE, regex:PATTERN or choice:A|B."),
]
EngineKind = Annotated[
    Literal["torch", "vllm"],
    typer.Option(
        "--engine", help="What answers for models on this machine: the embedded engine, or a vLLM server of your own."
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="PART=COLUMN", help="Of a table: user=question, assistant=answer; may be repeated."),
]
