"""`luthier split`: one file into train, validation and test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson

if TYPE_CHECKING:
    from luthier.data.splits.options import SplitChoices


def split(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of chats or preferences.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the three files are written.")],
    fractions: Annotated[
        str | None, typer.Option(metavar="A/B/C", help="Shares of train, validation and test; default 0.8/0.1/0.1.")
    ] = None,
    group_by: Annotated[
        str | None, typer.Option(metavar="KEY", help="Keep rows together that have the same value in their metadata.")
    ] = None,
    near: Annotated[
        str | None,
        typer.Option(metavar="NUMBER|off", help="Keep prompts together from this similarity on; default 0.8."),
    ] = None,
    stratify: Annotated[
        str | None,
        typer.Option(metavar="auto|off|FIELD", help="Give each side its share of each label; auto finds the label."),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="NUMBER", help="Decides which rows go where; default 0.")] = None,
    like: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep rows where the split in this folder has them.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Deal all rows anew, whatever stands in the folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Deal a file into train, validation and test rows.

    Nothing leaks: rows that ask the same, or nearly so, and conversations with the same beginning are on one side.
    Where the folder holds an earlier split of the data, every old row stays on its side and the options stay too.
    """
    from luthier import pipeline
    from luthier.cli.render_split import describe_split, render_split

    choices = _read_choices(fractions=fractions, group_by=group_by, near=near, stratify=stratify, seed=seed)
    splits = pipeline.split(file, out, like=like, is_fresh=fresh, **choices)
    output.emit(describe_split(splits, out), render_split(splits, out), as_json=as_json)


def _read_choices(
    *, fractions: str | None, group_by: str | None, near: str | None, stratify: str | None, seed: int | None
) -> SplitChoices:
    """What was left out is not chosen: an earlier split may have it."""
    from luthier.data.splits.options import parse_fractions, parse_near

    choices: SplitChoices = {}
    if fractions is not None:
        choices["fractions"] = parse_fractions(fractions)
    if group_by is not None:
        choices["group_by"] = group_by
    if near is not None:
        choices["near"] = parse_near(near)
    if stratify is not None:
        choices["stratify"] = stratify
    if seed is not None:
        choices["seed"] = seed
    return choices
