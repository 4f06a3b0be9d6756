"""The one way out: results to stdout, all else to stderr, and every error to an exit code."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import typer

from luthier.errors import (
    DISK_FULL_ERRNOS,
    DataError,
    DiskFull,
    LuthierError,
    MachineError,
    RunInterrupted,
    UsageError,
)
from luthier.evaluation.gates.gate import EXIT_CODES as VERDICT_CODES
from luthier.tokens.visible import make_visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TextIO

    from rich.console import Console
    from rich.text import Text

    from luthier.evaluation.verdict import Verdict

FINDINGS, USAGE, MACHINE = 1, 2, 3
INTERRUPTED, CLOSED_PIPE = 130, 141  # 128 and the number of SIGINT and SIGPIPE, as a shell reports them
EXIT_CODES: tuple[tuple[type[LuthierError], int], ...] = (
    (UsageError, USAGE),
    (MachineError, MACHINE),
    (RunInterrupted, INTERRUPTED),
)
"""Any other error, such as one in the data, is a finding."""

ROWS_SHOWN = 20
COLOURS = {
    r"^error:|\berror\b(?= LD\d)|^verdict: do not ship|^fail\b": "red",
    r"^warning:|\bwarning\b(?= LD\d)|^verdict: cannot tell|^warn\b": "yellow",
    r"^verdict: ship|^ok\b": "green",
    r"^ *hint:|\binfo\b(?= LD\d)": "cyan",
}
"""Colours alone, no bold: with NO_COLOR nothing but text is then left."""


class Styled(NamedTuple):
    """A piece of text; the colour is for terminals alone, so it says nothing that the text does not."""

    text: str
    colour: str = ""


def guard(act: Callable[[], int | None], *, as_json: bool) -> int:
    """The exit code of a whole command; whatever is raised on purpose is printed and becomes a code too."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold what the terminal cannot show
    try:
        code = act() or 0
        sys.stdout.flush()
    except SystemExit:
        return CLOSED_PIPE  # Typer ends so, and only so, when the reader of stdout has gone
    except typer.Abort:
        return INTERRUPTED
    except LuthierError as error:
        return fail(error, as_json=as_json)
    except typer.TyperException as error:
        return fail(_describe_usage(error.format_message()), as_json=as_json)
    except OSError as error:
        if error.errno is None:
            raise
        if error.filename is None:  # a stream has none
            _silence_stdout()
            return fail(_describe_system_error(error), as_json=False)
        return fail(_describe_system_error(error), as_json=as_json)
    return code


def emit(document: dict[str, Any], text: str | Sequence[Styled], *, as_json: bool, is_good: bool = True) -> None:
    """Prints a result in one of its two forms; one that is not good ends the command with exit code 1."""
    write(json.dumps(document, indent=2) if as_json else text)
    if not is_good:
        leave(FINDINGS)


def emit_verdict(document: dict[str, Any], text: str, verdict: Verdict | None, *, as_json: bool) -> None:
    """Prints a report; what was decided is the exit code, and without a verdict it is 0."""
    write(json.dumps(document, indent=2) if as_json else text)
    if verdict is not None and verdict.decision != "ship":
        leave(VERDICT_CODES[verdict.decision])


def leave(code: int) -> NoReturn:
    raise typer.Exit(code)


def write(text: str | Sequence[Styled]) -> None:
    """To stdout. Flushed at once, so that a full disk or a closed pipe shows here and not at exit."""
    _print(text, sys.stdout)


def write_piece(text: str) -> None:
    """To stdout, without a line break; on a terminal nothing in it can move the cursor or hide."""
    sys.stdout.write(make_visible(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def note(text: str) -> None:
    """To stderr: what happens on the way to a result."""
    _print(text, sys.stderr)


def ask(prompt: str) -> str | None:
    """A line from the terminal; None for Ctrl-D."""
    import_module("readline")  # which gives input() line editing and a history

    try:
        return input(prompt)
    except EOFError:
        note("")
        return None


@contextmanager
def working(what: str) -> Iterator[None]:
    """Shows that something is going on, on a terminal alone."""
    if not sys.stderr.isatty():
        yield
        return
    with build_console(sys.stderr).status(what):
        yield


def fail(error: LuthierError, *, as_json: bool) -> int:
    with suppress(OSError):  # where even the message cannot be written, the exit code has to do
        if as_json:
            write(json.dumps({"error": describe_error(error)}, indent=2))
        else:
            print_error(error)
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), FINDINGS)


def describe_error(error: LuthierError) -> dict[str, Any]:
    rows = list(error.rows) if isinstance(error, DataError) else []
    return {"code": error.code, "message": error.message, "hint": error.hint, "rows": rows}


def print_error(error: LuthierError) -> None:
    lines = [f"error: {error.message}"]
    rows = error.rows if isinstance(error, DataError) else ()
    lines += [f"  {row}" for row in rows[:ROWS_SHOWN]]
    if len(rows) > ROWS_SHOWN:
        lines.append(f"  and {len(rows) - ROWS_SHOWN} more")
    if error.hint:
        lines.append(f"hint: {error.hint}")
    note("\n".join(lines))


def build_console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)


def colour_pieces(pieces: Sequence[Styled]) -> Text:
    """As a terminal shows them."""
    from rich.text import Text

    return Text.assemble(*(Text(piece.text, piece.colour) for piece in pieces))


def program_name() -> str:
    """How a person can call this program from here: by name, by path, or as a module."""
    called = Path(sys.argv[0]).absolute()
    if called.name == "__main__.py":
        return f"{Path(sys.executable).name} -m luthier"
    if shutil.which(called.name) == str(called):
        return called.name
    relative = os.path.relpath(called)
    if os.sep not in relative:
        relative = f"{os.curdir}{os.sep}{relative}"  # a Path would drop the dot that a shell needs
    return min(str(called), relative, key=len)


def drop_surrogates(text: str) -> str:
    """Bytes that are no UTF-8 reach us as lone surrogates, which no tokenizer takes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _print(text: str | Sequence[Styled], stream: TextIO) -> None:
    """What stands in it may be a model's or a file's words: on a terminal none of them moves the cursor or hides."""
    if stream.isatty():
        shown = _colour_words(make_visible(text)) if isinstance(text, str) else colour_pieces(text)
        build_console(stream).print(shown)
    else:
        plain = text if isinstance(text, str) else "".join(piece.text for piece in text)
        stream.write(f"{plain}\n")
    stream.flush()


def _colour_words(text: str) -> Text:
    from rich.text import Text

    coloured = Text(text)
    for pattern, colour in COLOURS.items():
        coloured.highlight_regex(re.compile(pattern, re.MULTILINE), colour)
    return coloured


def _describe_usage(message: str) -> UsageError:
    """Typer's sentence in our form: lower case, no full stop."""
    message = message.strip().removesuffix(".")
    return UsageError(message[:1].lower() + message[1:], hint="`luthier --help` and `luthier COMMAND --help` say more")


def _describe_system_error(error: OSError) -> MachineError:
    place = error.filename or "standard output"
    message = f"{place}: {os.strerror(error.errno or 0).lower()}"
    if error.errno in DISK_FULL_ERRNOS:
        return DiskFull(message, hint="free some space, or write to another disk")
    return MachineError(message, hint="`luthier doctor` looks over this machine")


def _silence_stdout() -> None:
    """What could not be written would be tried again, and complained about, when Python exits."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
