"""`luthier tune`: a data file and a base model into a registered model."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, Assignments, BaseName, Recipe, Server
from luthier.cli.processes import Processes, RepeatableCommand, in_processes
from luthier.errors import UsageError

if TYPE_CHECKING:
    from luthier.models.registry import TunedModel

AT_SERVER = frozenset({"data", "base", "name", "assignments", "server", "as_json"})
"""What a job on a server takes."""

BESIDE_RESUME = frozenset({"context", "resumed", "trackers", "processes", "as_json"})
"""What may be chosen anew when a run goes on; all else stands in its record."""


class SettingsCommand(RepeatableCommand):
    """Its help ends with every training setting; their own descriptions are read only when it is asked for."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from luthier.training.config import list_settings

        super().format_epilog(ctx, formatter)
        with formatter.section("Settings for --set, with their defaults"):
            formatter.write_dl([(setting.assignment, setting.description) for setting in list_settings()])


def tune(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="A chat file, or the folder that `luthier split` wrote.")
    ] = None,
    base: BaseName = "smollm2-135m",
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the new model; made from data and base if left out.")
    ] = None,
    recipe: Recipe = None,
    assignments: Assignments = None,
    probes_rate: Annotated[
        bool,
        typer.Option("--probe", help="First try five learning rates, in at most three minutes, and take one of them."),
    ] = False,
    is_rehearsal: Annotated[
        bool,
        typer.Option("--dry-run", help="Only say what would be done and what it needs; refuse what cannot fit."),
    ] = False,
    trackers: Annotated[
        list[str] | None,
        typer.Option("--track", metavar="NAME", help="Tell tensorboard, wandb or mlflow of the run; may be repeated."),
    ] = None,
    resumed: Annotated[
        str | None,
        typer.Option("--resume", metavar="RUN", help="Go on with a run by its id, from what the home keeps about it."),
    ] = None,
    processes: Processes = 1,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Train a base model on a file of examples.

    The result is a registered model. What is not set follows from the rows, the base and this machine. A single
    file is dealt as by `luthier split`, and its test rows are not trained on. The same command again goes on with
    a run that was stopped, and so does --resume, without the file.
    With a server, a job there does it, on all rows of a file; --name then is the suffix of the model's name.
    """
    from luthier import pipeline
    from luthier.cli.progress import show_progress
    from luthier.training.config import parse_assignments

    if tune_elsewhere(context, server):
        return
    _require_one_source(context, data, resumed)
    wish: Any = {"base": base, "recipe": recipe, "settings": parse_assignments(assignments or [])}
    wish["probes_rate"] = probes_rate
    if is_rehearsal:
        _rehearse(data, wish, as_json=as_json)
        return
    with in_processes(context, processes) as is_main, show_progress() as progress:
        told: Any = {"trackers": trackers or (), "progress": progress}
        model = pipeline.resume(resumed, **told) if resumed else pipeline.tune(data or "", **wish, name=name, **told)
    if is_main:
        _print_model(model, as_json=as_json)


def tune_elsewhere(context: typer.Context, address: str | None) -> bool:
    """Whether a server is meant; then it has been done there. Raises UsageError for what jobs cannot be told."""
    from luthier import pipeline
    from luthier.cli.jobs import watch_job
    from luthier.training.config import parse_assignments

    server = pipeline.find_server(address, settings=pipeline.open_home().settings)
    if server is None:
        return False
    chosen = context.params
    given = [parameter for parameter in context.command.params if _is_given(context, parameter.name or "")]
    refused = [parameter.opts[0] for parameter in given if parameter.name not in AT_SERVER]
    if refused or not chosen["data"]:
        what = f"a job on a server has no {refused[0]}" if refused else "`tune` needs data"
        raise UsageError(what, hint="write luthier tune FILE --server URL, with --base, --name or --set")
    with closing(server):
        settings = parse_assignments(chosen["assignments"] or [])
        job = pipeline.create_job(server, chosen["data"], base=chosen["base"], suffix=chosen["name"], settings=settings)
        watch_job(server, job.id, as_json=chosen["as_json"])
    return True


def _require_one_source(context: typer.Context, data: str | None, resumed: str | None) -> None:
    """Raises UsageError unless there is a file or a run, and nothing beside the run that its record decides."""
    if not data and not resumed:
        raise UsageError("`tune` needs data, or a run to go on with", hint="write luthier tune FILE, or --resume RUN")
    given = [name for name in context.params if _is_given(context, name) and name not in BESIDE_RESUME]
    if resumed and given:
        raise UsageError(
            "--resume goes on with the data and the settings that the run began with",
            hint=f"leave out all else but --track, --processes and --json; `luthier show {resumed}` lists the settings",
        )


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _rehearse(data: str | None, wish: dict[str, Any], *, as_json: bool) -> None:
    from luthier import pipeline
    from luthier.cli.estimate import show_estimate
    from luthier.cli.progress import show_progress

    with show_progress() as progress:
        found = pipeline.rehearse(data or "", **wish, progress=progress)
    show_estimate(found, as_json=as_json)


def _print_model(model: TunedModel, *, as_json: bool) -> None:
    from luthier.cli.render import render_model

    card = model.card
    document = {"run": card.run, "model": model.name, "metrics": card.metrics, "proof": card.proof}
    output.emit(document, render_model(model), as_json=as_json)
