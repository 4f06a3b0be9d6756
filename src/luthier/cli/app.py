"""All commands under one name, each with the example that its help shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from luthier import __version__
from luthier.cli import output
from luthier.cli.chat import chat
from luthier.cli.check import check
from luthier.cli.demo import demo
from luthier.cli.doctor import doctor
from luthier.cli.eval import evaluate
from luthier.cli.kept import lineage, models, runs, show
from luthier.cli.split import split
from luthier.cli.tune import TuneCommand, tune

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typer.core import TyperGroup

SUMMARY = """Fine-tune language models on your own hardware, and know with statistics whether it worked.

`luthier demo` shows the whole loop in a few minutes."""

app = typer.Typer(
    name="luthier",
    help=SUMMARY,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _add(
    command: Callable[..., None], example: str, *, name: str | None = None, kind: type[TyperCommand] = TyperCommand
) -> None:
    # \b keeps Typer from wrapping the line, which is there to be copied.
    app.command(name, cls=kind, epilog=f"\b\nExample:\n  {example}")(command)


_add(demo, "luthier demo --report report.html")
_add(check, "luthier check orders.jsonl")
_add(split, "luthier split orders.jsonl --out data")
_add(tune, "luthier tune orders.jsonl --name orders-a --set epochs=2", kind=TuneCommand)
_add(evaluate, "luthier eval --model smollm2-135m --model orders-a --data data --grader json", name="eval")
_add(chat, "luthier chat orders-a --message 'Extract: Zoe ordered 2 lamps.'")
_add(models, "luthier models --json")
_add(runs, "luthier runs --json")
_add(show, "luthier show orders-a")
_add(lineage, "luthier lineage orders-a")
_add(doctor, "luthier doctor")


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


def run(arguments: Sequence[str]) -> int:
    """The exit code; everything that can go wrong on purpose has been said when it returns."""
    command = build_command()
    return output.guard(
        lambda: command.main(arguments, prog_name="luthier", standalone_mode=False),
        as_json="--json" in arguments,
    )
