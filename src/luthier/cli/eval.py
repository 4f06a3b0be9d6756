"""`luthier eval`: one model on a test set, or two with the verdict on the second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import typer

from luthier.cli import output
from luthier.cli.eval_options import (
    Also,
    BenchmarkLimit,
    Benchmarks,
    Calibration,
    Canaries,
    Cluster,
    Data,
    Final,
    Forgetting,
    Gates,
    Grader,
    Guardrails,
    HumanLabels,
    Latency,
    Markdown,
    Memory,
    Models,
    Report,
    Verdict,
)
from luthier.cli.options import AsJson, EngineKind, MaxTokens, Seed, Server, Structure, Temperature, TopP
from luthier.errors import UsageError

if TYPE_CHECKING:
    from luthier.pipeline import EvalChoices

SAMPLING = ("temperature", "top_p", "max_tokens", "seed")


def evaluate(
    context: typer.Context,
    data: Data,
    models: Models = None,
    grader: Grader = None,
    also: Also = None,
    guardrails: Guardrails = None,
    cluster: Cluster = None,
    gates: Gates = None,
    human_labels: HumanLabels = None,
    canaries: Canaries = None,
    measures_forgetting: Forgetting = None,
    benchmarks: Benchmarks = None,
    benchmark_limit: BenchmarkLimit = 200,
    probes_memory: Memory = None,
    measures_latency: Latency = None,
    asks_calibration: Calibration = False,
    is_final: Final = False,
    max_tokens: MaxTokens = 256,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    seed: Seed = None,
    structure: Structure = None,
    engine: EngineKind = "torch",
    server: Server = None,
    report: Report = None,
    markdown: Markdown = None,
    verdict: Verdict = None,
    as_json: AsJson = False,
) -> None:
    """Measure one model, or compare two and decide.

    Every answer to the test set is graded, a tool call against the reference's. With two models, the verdict says
    whether to ship the second. A row without an answer, such as one that is too long, counts as not passed. Of pairs
    of a preferred and a rejected answer it is measured which one the model leans to, against its base or a second.
    The exit code is 0 without a verdict or for the verdict "ship", 1 for "do not ship" and 4 for "cannot tell yet".
    """
    from luthier import pipeline
    from luthier.cli.progress import show_progress
    from luthier.cli.render_order import render_measurement

    files = pipeline.ReportFiles(report, markdown, verdict)
    pipeline.clear_files(files)
    home, named = pipeline.reach_models(require_one_or_two(models), server)
    choices = read_choices(context.params)
    with show_progress() as progress:
        pipeline.fetch_bases(named, home=home, progress=progress)
        result = pipeline.measure(named, data, engine=engine, files=files, home=home, progress=progress, **choices)
    text = render_measurement(result, files=files)
    output.emit_verdict(result.to_json(), text, result.verdict, as_json=as_json)


def read_choices(parameters: dict[str, Any]) -> EvalChoices:
    """What nobody named is left to its default."""
    from luthier.engine.protocol import Sampling
    from luthier.pipeline import EvalChoices

    named = {key: parameters.get(key) for key in EvalChoices.__annotations__}
    chosen = {key: value for key, value in named.items() if value not in (None, [], ())}
    sampling = Sampling(**{key: parameters[key] for key in SAMPLING})
    return cast("EvalChoices", {**chosen, "sampling": sampling})


def require_one_or_two(models: list[str] | None) -> list[str]:
    if not models or len(models) > 2:
        raise UsageError(f"{len(models or [])} models were named", hint="give --model once, or twice to compare")
    return models
