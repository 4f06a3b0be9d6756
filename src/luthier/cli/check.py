"""`luthier check`: what in a file would spoil a model, and a mended copy of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, Map
from luthier.cli.progress import show_progress
from luthier.errors import UsageError

if TYPE_CHECKING:
    from luthier.data.check import CheckReport
    from luthier.data.mending.mending import Mending
    from luthier.pipeline.examination import CheckChoices

STDIN = Path("/dev/stdin")

Select = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RULES",
        help="Report these alone: LD301, LD3 for all that begin so, empty-answer; or several: LD1,LD301.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(metavar="RULES", help="Leave these out. A row with an error still cannot be trained on."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Let warnings end with exit code 1 too.")]
Base = Annotated[str | None, typer.Option(metavar="NAME", help="Count tokens as this base does; find rows too long.")]
Against = Annotated[Path | None, typer.Option(metavar="TEST", help="Find every row that overlaps with this test set.")]
Semantic = Annotated[bool, typer.Option("--semantic", help="Also find rows that say the same in other words.")]
Fix = Annotated[bool, typer.Option("--fix", help="Write a copy in which all is mended that needs no decision.")]
Redact = Annotated[bool, typer.Option("--redact", help="Write a copy without secrets and personal data.")]
Drop = Annotated[bool, typer.Option("--drop", help="Write a copy without the rows that cannot be trained on.")]
Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Where --fix, --redact and --drop write the copy.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a copy that is there already.")]
Sarif = Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the findings as SARIF, for CI.")]
All = Annotated[bool, typer.Option("--all", help="Show all findings, not only the first five of each rule.")]
Explain = Annotated[str | None, typer.Option(metavar="RULE", help="Say what a rule finds and why; check nothing.")]
ListRules = Annotated[bool, typer.Option("--list-rules", help="List all rules; check nothing.")]


def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Rows in any format that `luthier convert` reads; - is stdin.")
    ] = None,
    select: Select = None,
    ignore: Ignore = None,
    is_strict: Strict = False,
    columns: Map = None,
    base: Base = None,
    against: Against = None,
    is_semantic: Semantic = False,
    fixes: Fix = False,
    redacts: Redact = False,
    drops: Drop = False,
    out: Out = None,
    replaces: Force = False,
    sarif: Sarif = None,
    shows_all: All = False,
    explain: Explain = None,
    lists_rules: ListRules = False,
    as_json: AsJson = False,
) -> None:
    """Find what in a file would spoil a model.

    Every rule looks at every row. The exit code is 1 when there are errors, or with --strict warnings, among the
    findings that --select and --ignore leave.

    --fix, --redact and --drop, alone or together and then in this order, write a copy to --out in OpenAI's format
    and report on that; the file itself stays as it is. A copy clean.jsonl comes with clean.ledger.jsonl, which has
    each change and what stood there before. With --redact it has no values at all, and lines that cannot be read are
    left out of the copy.
    """
    from luthier import pipeline

    if explain is not None or lists_rules:
        _show_rules(explain, as_json=as_json)
    source = _require_source(file, out, is_mending=fixes or redacts or drops)
    pipeline.refuse_log(sarif, beside=(source, out, against))
    words: CheckChoices = {"select": select or (), "ignore": ignore or (), "columns": columns or ()}
    choices: CheckChoices = {**words, "base": base, "against": against, "semantic": is_semantic}
    copy = partial(pipeline.mend, source, fixes=fixes, redacts=redacts, drops=drops, replaces=replaces, **choices)
    with show_progress() as progress:
        mending = copy(out, progress=progress) if out else None
        report = mending.report if mending else pipeline.check(source, progress=progress, **choices)
    code = output.FINDINGS if report.fails(is_strict=is_strict) else 0
    if sarif is not None:
        pipeline.write_sarif(report, sarif, exit_code=code, columns=() if mending else columns or ())
    _show_report(report, mending, shows_all=shows_all, as_json=as_json)
    output.leave(code)


def _require_source(file: Path | None, out: Path | None, *, is_mending: bool) -> Path:
    if file is None:
        raise UsageError("name a FILE, or a rule with --explain", hint="luthier check orders.jsonl")
    if is_mending and out is None:
        raise UsageError("--fix, --redact and --drop write a copy", hint=f"name it: --out {file.stem}.clean.jsonl")
    if out is not None and not is_mending:
        raise UsageError("--out says where, not what", hint="add --fix, --redact or --drop, or several of them")
    return STDIN if file == Path("-") else file


def _show_report(report: CheckReport, mending: Mending | None, *, shows_all: bool, as_json: bool) -> None:
    from luthier.cli.render_check import describe_mending, render_check, render_mending, write_json

    if as_json:
        parts = write_json(report, **(describe_mending(mending) if mending else {}))
    else:
        if mending:
            output.write(render_mending(mending))
        parts = render_check(report, shows_all=shows_all, is_mended=mending is not None)
    for part in parts:
        output.write(part)


def _show_rules(explain: str | None, *, as_json: bool) -> NoReturn:
    from luthier import pipeline
    from luthier.cli.render_check import render_rule, render_rules

    if explain is None:
        rules = pipeline.list_rules()
        output.emit({"rules": rules}, render_rules(rules), as_json=as_json)
    else:
        rule = pipeline.explain_rule(explain)
        output.emit(rule, render_rule(rule), as_json=as_json)
    output.leave(0)
