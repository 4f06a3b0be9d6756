"""`luthier data`: versions of datasets that never change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, Seed

Reference = Annotated[str, typer.Argument(metavar="NAME[@N]", help="A dataset, or with @N its Nth version.")]


def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of chats or preferences without errors.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the dataset; that of the file if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep the rows of a file as the next version of a dataset.

    Rows that are a version already are not kept twice.
    """
    from luthier import pipeline
    from luthier.cli.render_data import describe_version, render_addition

    addition = pipeline.add_data(file, name=name)
    document = {**describe_version(addition.version), "is_new": addition.is_new}
    output.emit(document, render_addition(addition), as_json=as_json)


def list_(as_json: AsJson = False) -> None:
    """List the datasets with their latest versions."""
    from luthier import pipeline
    from luthier.cli.render_data import describe_datasets, render_datasets

    versions = pipeline.list_data()
    output.emit(describe_datasets(versions), render_datasets(versions), as_json=as_json)


def show(name: Reference, as_json: AsJson = False) -> None:
    """Show what a version holds and which models learned from it."""
    from luthier import pipeline
    from luthier.cli.render_data import describe_details, render_details

    details = pipeline.show_data(name)
    output.emit(describe_details(details), render_details(details), as_json=as_json)


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="NAME, NAME@N, or a file.")],
    new: Annotated[str | None, typer.Argument(metavar="NEW", help="The same; the latest if left out.")] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Show every row, not the first few of each kind.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show which rows were added, removed and changed.

    The name of a dataset alone compares its latest version with the one before.
    """
    from luthier import pipeline
    from luthier.cli.render_data import describe_comparison, render_comparison

    comparison = pipeline.diff_data(old, new)
    output.emit(describe_comparison(comparison), render_comparison(comparison, show_all=show_all), as_json=as_json)


def log(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A dataset.")],
    as_json: AsJson = False,
) -> None:
    """List the versions of a dataset and what changed with each."""
    from luthier import pipeline
    from luthier.cli.render_data import describe_version, render_log

    versions = pipeline.log_data(name)
    document = {"name": name, "versions": [describe_version(version) for version in versions]}
    output.emit(document, render_log(versions), as_json=as_json)


def write(
    name: Reference,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the rows are written, as JSONL.")],
    as_json: AsJson = False,
) -> None:
    """Write the rows of a version to a file."""
    from luthier import pipeline
    from luthier.cli.render_data import describe_version

    version = pipeline.write_data(name, file)
    document = {**describe_version(version), "file": str(file)}
    output.emit(document, f"{version.title}: {version.rows} rows in {file}", as_json=as_json)


def canaries(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="A chat file, or the folder that `luthier split` wrote.")
    ],
    out: Annotated[Path, typer.Option(metavar="PATH", help="Where the same is written with canaries in it.")],
    count: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How many rows with a secret are added.")] = 10,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Plant rows with a random secret each among the training rows.

    `luthier eval` then searches the outputs of models that were trained on them for these secrets, and asks for them.
    The secrets are kept in a file beside the data, for models that are trained elsewhere.
    """
    from luthier import pipeline
    from luthier.cli.render_data import describe_planted, render_planted

    planted = pipeline.plant_canaries(data, out, count=count, seed=seed)
    output.emit(describe_planted(planted), render_planted(planted), as_json=as_json)
