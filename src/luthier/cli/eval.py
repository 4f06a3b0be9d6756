"""`luthier eval`: one model on a test set, or two with the verdict on the second."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, EngineKind, MaxTokens, Seed, Server, Structure, Temperature, TopP
from luthier.errors import UsageError


def evaluate(
    data: Annotated[Path, typer.Option(metavar="PATH", help="A chat file, or a folder whose test.jsonl is used.")],
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="A model, or a hosted one such as openai:NAME or https://HOST/v1#NAME; give two to compare, the "
            "baseline first.",
        ),
    ] = None,
    grader: Annotated[
        str | None,
        typer.Option(
            metavar="GRADER",
            help="exact, json or regex:PATTERN decides what passes. Left out: exact; for pairs of answers, none.",
        ),
    ] = None,
    max_tokens: MaxTokens = 256,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    seed: Seed = None,
    structure: Structure = None,
    engine: EngineKind = "torch",
    server: Server = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Also write a page that opens offline.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure one model, or compare two and decide.

    Every answer to the test set is graded, a tool call against the reference's. With two models, the verdict says
    whether to ship the second. A row without an answer, such as one that is too long, counts as not passed. Of pairs
    of a preferred and a rejected answer it is measured which one the model leans to, against its base or a second.
    The exit code is 0 without a verdict or for the verdict "ship", and 1 for any other verdict.
    """
    from luthier import pipeline
    from luthier.cli.progress import show_progress
    from luthier.cli.render_order import render_measurement
    from luthier.engine.protocol import Sampling

    home, named = pipeline.reach_models(require_one_or_two(models), server)
    sampling = Sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed)
    with show_progress() as progress:
        pipeline.fetch_bases(named, home=home, progress=progress)
        result = pipeline.measure(
            named,
            data,
            grader=grader,
            sampling=sampling,
            structure=structure,
            engine=engine,
            page=report,
            home=home,
            progress=progress,
        )
    is_good = result.verdict is None or result.verdict.decision == "ship"
    output.emit(result.to_json(), render_measurement(result, page=report), as_json=as_json, is_good=is_good)


def require_one_or_two(models: list[str] | None) -> list[str]:
    if not models or len(models) > 2:
        raise UsageError(f"{len(models or [])} models were named", hint="give --model once, or twice to compare")
    return models
