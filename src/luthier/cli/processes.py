"""A command becomes several processes that do it together, and each of those learns which of them it is."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from luthier.cli import output
from luthier.errors import ProcessLost

if TYPE_CHECKING:
    from collections.abc import Iterator

Processes = Annotated[
    int,
    typer.Option(
        metavar="COUNT", min=1, help="Train in so many processes: one for each GPU; without GPUs they share the cores."
    ),
]
WORDS = "luthier.words"


class RepeatableCommand(TyperCommand):
    """Keeps the words that it was called with, for processes that are to do the same."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[WORDS] = list(args)
        return super().parse_args(ctx, args)


@contextmanager
def in_processes(context: typer.Context, count: int) -> Iterator[bool]:
    """Yields whether this is the process that prints. Where several are asked for it yields nothing: they are started
    with the same words, and the command ends with the exit code of the main one.
    """
    from luthier.settings import load_launch
    from luthier.training.processes.launch import LOST_CODE, run_processes, watch_starter

    launch = load_launch()
    if count > 1 and launch.world_size == 1:
        words = [*context.command_path.split()[1:], *context.meta[WORDS]]
        output.leave(run_processes([sys.executable, "-m", "luthier", *words], count))
    if launch.rendezvous:
        watch_starter()
    try:
        yield launch.is_main
    except ProcessLost:
        if launch.rendezvous:  # whoever started this process knows which other one ended, and why
            output.leave(LOST_CODE)
        raise
