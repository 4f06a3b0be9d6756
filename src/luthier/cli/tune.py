"""`luthier tune`: a data file and a base model into a registered model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from typer.core import TyperCommand

from luthier.cli import output
from luthier.cli.options import AsJson, Assignments, BaseName, DataPath, Recipe

if TYPE_CHECKING:
    from typing import Any


class SettingsCommand(TyperCommand):
    """Its help ends with every training setting; their own descriptions are read only when it is asked for."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        super().format_epilog(ctx, formatter)
        with formatter.section("Settings for --set, with their defaults"):
            formatter.write_dl([(setting.assignment, setting.description) for setting in list_settings()])


class Setting(NamedTuple):
    name: str
    default: str
    description: str

    @property
    def assignment(self) -> str:
        return f"{self.name}={self.default}" if self.default else self.name


def list_settings() -> list[Setting]:
    """All that `--set` takes; a default is written as on the command line, empty for none."""
    from luthier.training.config import TrainingConfig

    return [
        Setting(name, "" if field.default is None else str(field.default), field.description or "")
        for name, field in TrainingConfig.model_fields.items()
    ]


def tune(
    data: DataPath,
    base: BaseName = "smollm2-135m",
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the new model; made from data and base if left out.")
    ] = None,
    recipe: Recipe = None,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Train an adapter on a chat file.

    The result is a registered model. A single file is dealt as by `luthier split`, and its test rows are not
    trained on. The same command again goes on with a run that was stopped.
    """
    from luthier import pipeline
    from luthier.cli.progress import show_progress
    from luthier.cli.render import render_model
    from luthier.training.config import parse_assignments

    settings = parse_assignments(assignments or [])
    with show_progress() as progress:
        model = pipeline.tune(data, base=base, name=name, recipe=recipe, settings=settings, progress=progress)
    document = {"run": model.card.run, "model": model.name, "metrics": model.card.metrics}
    output.emit(document, render_model(model), as_json=as_json)
