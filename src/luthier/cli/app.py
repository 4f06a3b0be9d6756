"""All commands under one name, each with the example that its help shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand, TyperGroup

from luthier import __version__
from luthier.cli import data, evals, jobs, judge, keys, output
from luthier.cli.advise import advise
from luthier.cli.chat import chat
from luthier.cli.check import check
from luthier.cli.convert import convert
from luthier.cli.curate import curate
from luthier.cli.demo import demo
from luthier.cli.doctor import doctor
from luthier.cli.estimate import estimate
from luthier.cli.eval import evaluate
from luthier.cli.kept import lineage, models, runs, show
from luthier.cli.preview import preview
from luthier.cli.recipes import recipes
from luthier.cli.serve import serve
from luthier.cli.split import split
from luthier.cli.strength import strength
from luthier.cli.tune import SettingsCommand, tune
from luthier.cli.worker import worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SUMMARY = """Fine-tune language models on your own hardware, and know with statistics whether it worked.

`luthier demo` shows the whole loop in a few minutes."""

app = typer.Typer(
    name="luthier",
    help=SUMMARY,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


data_app = typer.Typer(
    help="Keep versions of datasets that never change, and see what changed between them.",
    epilog="\b\nExample:\n  luthier data add orders.jsonl",
    rich_markup_mode=None,
)
app.add_typer(data_app, name="data")

keys_app = typer.Typer(
    help="Say who may use the server, and as what.",
    epilog="\b\nExample:\n  luthier keys create --role member --name ci",
    rich_markup_mode=None,
)
app.add_typer(keys_app, name="keys")
jobs_app = typer.Typer(
    help="See, follow, cancel, pause and resume fine-tuning jobs.",
    epilog="\b\nExample:\n  luthier jobs list",
    rich_markup_mode=None,
)
app.add_typer(jobs_app, name="jobs")
judge_app = typer.Typer(
    help="Hold a model that judges others against people, before its word counts.",
    epilog="\b\nExample:\n  luthier judge sheet --out labels.csv",
    rich_markup_mode=None,
)
app.add_typer(judge_app, name="judge")

evals_app = typer.Typer(
    help="Bring OpenAI's evals to a server, and run them there.",
    epilog="\b\nExample:\n  luthier evals list",
    rich_markup_mode=None,
)
app.add_typer(evals_app, name="evals")


def _add(
    command: Callable[..., None],
    example: str,
    *,
    name: str | None = None,
    kind: type[TyperCommand] = TyperCommand,
    group: typer.Typer = app,
) -> None:
    # \b keeps Typer from wrapping the line, which is there to be copied.
    group.command(name, cls=kind, epilog=f"\b\nExample:\n  {example}")(command)


_add(demo, "luthier demo --report report.html")
_add(check, "luthier check orders.jsonl")
_add(convert, "luthier convert orders.csv --map user=question --map assistant=answer --out orders.jsonl")
_add(split, "luthier split orders.jsonl --out data")
_add(curate, "luthier curate data/train.jsonl --out curated.jsonl")
_add(preview, "luthier preview orders.jsonl --line 3 --html preview.html")
_add(recipes, "luthier recipes")
_add(estimate, "luthier estimate orders.jsonl --set epochs=2", kind=SettingsCommand)
_add(tune, "luthier tune orders.jsonl --name orders-a --set epochs=2", kind=SettingsCommand)
_add(advise, "luthier advise orders.jsonl --grader json --target 0.9 --report advise.html")
_add(evaluate, "luthier eval --model smollm2-135m --model orders-a --data data --grader json", name="eval")
_add(strength, "luthier strength orders-a --grader json")
_add(chat, "luthier chat orders-a --message 'Extract: Zoe ordered 2 lamps.'")
_add(serve, "luthier serve --alias gpt-4o-mini-2024-07-18=smollm2-135m")
_add(worker, "luthier worker")
_add(models, "luthier models --json")
_add(runs, "luthier runs --json")
_add(show, "luthier show orders-a")
_add(lineage, "luthier lineage orders-a")
_add(doctor, "luthier doctor")
_add(data.add, "luthier data add orders.jsonl", group=data_app)
_add(data.list_, "luthier data list", name="list", group=data_app)
_add(data.show, "luthier data show orders", group=data_app)
_add(data.diff, "luthier data diff orders@1 orders@2", group=data_app)
_add(data.log, "luthier data log orders", group=data_app)
_add(data.write, "luthier data write orders@1 old.jsonl", group=data_app)
_add(data.canaries, "luthier data canaries data --out data-canaries", group=data_app)
_add(judge.sheet, "luthier judge sheet --out labels.csv", group=judge_app)
_add(judge.check, "luthier judge check labels.csv --data data --grader judge.json", group=judge_app)
_add(keys.create, "luthier keys create --role member --name ci --json", group=keys_app)
_add(keys.list_, "luthier keys list", name="list", group=keys_app)
_add(keys.revoke, "luthier keys revoke key_01m2n3p4", group=keys_app)
_add(jobs.list_, "luthier jobs list --json", name="list", group=jobs_app)
_add(jobs.show, "luthier jobs show ftjob-01m2n3p4", group=jobs_app)
_add(jobs.events, "luthier jobs events ftjob-01m2n3p4", group=jobs_app)
_add(jobs.follow, "luthier jobs follow ftjob-01m2n3p4", group=jobs_app)
_add(jobs.cancel, "luthier jobs cancel ftjob-01m2n3p4", group=jobs_app)
_add(jobs.pause, "luthier jobs pause ftjob-01m2n3p4", group=jobs_app)
_add(jobs.resume, "luthier jobs resume ftjob-01m2n3p4", group=jobs_app)
_add(evals.import_, "luthier evals import evals.json --judge orders-a", name="import", group=evals_app)
_add(evals.list_, "luthier evals list --json", name="list", group=evals_app)
_add(evals.runs, "luthier evals runs eval_01m2n3p4", group=evals_app)
_add(evals.run, "luthier evals run eval_01m2n3p4 run.json --model orders-a", group=evals_app)


@evals_app.callback(invoke_without_command=True)
@jobs_app.callback(invoke_without_command=True)
@judge_app.callback(invoke_without_command=True)
@keys_app.callback(invoke_without_command=True)
@data_app.callback(invoke_without_command=True)
def show_group_help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        output.write(context.get_help())


@app.callback(invoke_without_command=True)
def luthier(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        output.write(f"luthier {__version__}")
    elif context.invoked_subcommand is None:
        output.write(context.get_help())


def build_command() -> TyperGroup:
    """The tree of all commands with their parameters, as the reference page reads it."""
    return typer.main.get_group(app)


def list_commands() -> dict[str, TyperCommand]:
    """What can be called, by its words after `luthier`, such as `data add`."""
    commands: dict[str, TyperCommand] = {}
    waiting: list[tuple[tuple[str, ...], TyperGroup]] = [((), build_command())]
    while waiting:
        words, group = waiting.pop(0)
        for name, command in group.commands.items():
            if isinstance(command, TyperGroup):
                waiting.append(((*words, name), command))
            elif isinstance(command, TyperCommand):
                commands[" ".join((*words, name))] = command
    return commands


def run(arguments: Sequence[str]) -> int:
    """The exit code; everything that can go wrong on purpose has been said when it returns."""
    command = build_command()
    return output.guard(
        lambda: command.main(arguments, prog_name="luthier", standalone_mode=False),
        as_json="--json" in arguments,
    )
