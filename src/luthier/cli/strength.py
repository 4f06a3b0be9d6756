"""`luthier strength`: a tuned model's adapter at less than its full strength, measured or kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, MaxTokens, Structure
from luthier.errors import UsageError

if TYPE_CHECKING:
    from luthier.pipeline import StrengthWish

Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="A split whose validation.jsonl is used; left out: the validation rows of the model's own run.",
    ),
]
Grader = Annotated[str, typer.Option(metavar="GRADER", help="What passes, as `luthier eval` has it.")]
Tried = Annotated[str, typer.Option("--try", metavar="NUMBERS", help="Strengths between 0 and 1, beside the full one.")]
Margin = Annotated[float, typer.Option(metavar="SHARE", help="How much of the pass rate may be lost.")]
Kept = Annotated[
    float | None,
    typer.Option("--keep", metavar="NUMBER", help="Measure nothing, and keep the model at this strength as another."),
]
Name = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name of what is kept; made from model and strength if left out.")
]
Report = Annotated[
    Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Also write a page that opens offline.")
]


def strength(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model that was tuned here.")],
    data: Data = None,
    grader: Grader = "exact",
    tried: Tried = "0.9,0.8,0.7,0.6,0.5",
    margin: Margin = 0.1,
    max_tokens: MaxTokens = 256,
    structure: Structure = None,
    kept: Kept = None,
    name: Name = None,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Turn a tuned model down where it forgot too much.

    Nothing is trained: what the adapter adds to its base is multiplied by each strength. On validation rows, never on
    test rows, it is measured what is left of the task, and of what the base could do besides. The answer is the
    strength that loses least there among those that are proven to keep the task. The same command again goes on with
    what was stopped. --keep makes an ordinary model of one strength.
    """
    from luthier import pipeline
    from luthier.cli.progress import show_progress
    from luthier.cli.render_strength import describe_kept, render_kept, render_sweep

    if kept is not None:
        weaker = pipeline.keep_strength(model, kept, name=name)
        output.emit(describe_kept(weaker), render_kept(weaker), as_json=as_json)
        return
    wish = build_wish(tried, margin=margin, grader=grader, max_tokens=max_tokens, structure=structure)
    with show_progress() as progress:
        sweep = pipeline.compare_strengths(model, data, wish, page=report, progress=progress)
    output.emit(sweep.to_json(), render_sweep(sweep, page=report), as_json=as_json)


def build_wish(tried: str, *, margin: float, grader: str, max_tokens: int, structure: str | None) -> StrengthWish:
    from luthier.engine.protocol import Sampling
    from luthier.pipeline import StrengthWish

    return StrengthWish(read_strengths(tried), margin, grader, Sampling(max_tokens=max_tokens), structure)


def read_strengths(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError as error:
        raise UsageError(f"--try {text}: no list of numbers", hint="write --try 0.5,0.75") from error
