"""The commands become the reference page: what `--help` says, for reading in a browser.

    python -m luthier.cli.reference > docs/reference/cli.md

writes the page again; a test compares it.
"""

from __future__ import annotations

import inspect

import typer

from luthier.cli.app import build_command, list_commands
from luthier.training.config import list_settings

OPENING = """# Command line

Every command prints its result on stdout and everything else on stderr; with `--json` the result is one JSON
document, and so is an error: `{"error": {"code", "message", "hint", "rows"}}`.

| exit code | meaning |
| --- | --- |
| 0 | it worked, and the answer is good |
| 1 | findings, data that cannot be used, training that diverged, or the verdict "do not ship" |
| 2 | the command was used wrongly |
| 3 | the machine lacks something: disk, memory, network |
| 4 | the verdict is "cannot tell yet" |
| 130 | stopped with Ctrl-C; a run goes on when the same command is given again |
| 141 | the reader of stdout went away |

This page is made from the program itself by `python -m luthier.cli.reference`."""


def render_reference() -> str:
    root = typer.Context(build_command(), info_name="luthier")
    commands = list_commands().items()
    sections = [_describe_command(typer.Context(command, info_name=name, parent=root)) for name, command in commands]
    return "\n\n".join([OPENING, _describe_parameters(root), *sections]) + "\n"


def _describe_command(context: typer.Context) -> str:
    command = context.command
    example = (command.epilog or "").splitlines()[-1].strip()
    parts = [
        f"## luthier {context.info_name}",
        inspect.cleandoc(command.help or ""),
        f"```console\n$ {example}\n```",
        _describe_parameters(context),
    ]
    if context.info_name == "tune":
        parts.append(_describe_settings())
    return "\n\n".join(parts)


def _describe_parameters(context: typer.Context) -> str:
    records = [parameter.get_help_record(context) for parameter in context.command.get_params(context)]
    rows = [f"| `{_escape(record[0])}` | {_escape(record[1])} |" for record in records if record]
    return "\n".join(["| argument or option | |", "| --- | --- |", *rows])


def _describe_settings() -> str:
    rows = [f"| `{s.name}` | {_code(s.default)} | {_escape(s.description)} |" for s in list_settings()]
    return "\n".join(["| setting for `--set` | default | |", "| --- | --- | --- |", *rows])


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _escape(text: str) -> str:
    """A bar would end the table's cell."""
    return text.replace("|", "\\|").strip()


if __name__ == "__main__":
    print(render_reference(), end="")
