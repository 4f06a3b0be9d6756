"""The options of `luthier eval` that no other command has, with their help texts: so that the command can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option(metavar="PATH", help="A chat file, or a folder whose test.jsonl is used.")]

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A model, or a hosted one such as openai:NAME or https://HOST/v1#NAME; give two to compare, the "
        "baseline first.",
    ),
]

Grader = Annotated[
    str | None,
    typer.Option(
        metavar="GRADER",
        help="What passes: exact, json, fields, label, regex:PATTERN, an OpenAI grader's FILE.json, or one of the "
        "others. Left out: exact; for pairs of answers, none.",
    ),
]

Also = Annotated[
    list[str] | None,
    typer.Option("--also", metavar="GRADER", help="A further grader, told beside the first; may be repeated."),
]

Guardrails = Annotated[
    list[str] | None,
    typer.Option(
        "--guardrail",
        metavar="GRADER[~MARGIN]",
        help="What may not get worse, by 0.05 at most or by a margin of your own; may be repeated.",
    ),
]

Cluster = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Key of the rows' metadata; rows with one value of it belong together."),
]

Gates = Annotated[
    Path | None,
    typer.Option(metavar="FILE", dir_okay=False, help="What is asked of the second model, as TOML."),
]

HumanLabels = Annotated[
    Path | None,
    typer.Option(metavar="FILE", dir_okay=False, help="What people said of the answers, to check a judge by."),
]

Canaries = Annotated[
    Path | None,
    typer.Option(metavar="FILE", dir_okay=False, help="Planted secrets, from `luthier data canaries`."),
]

Forgetting = Annotated[
    bool | None,
    typer.Option(
        "--forgetting/--no-forgetting",
        help="See what a tuned model forgot besides its task; left out: when it is compared with its base.",
    ),
]

Benchmarks = Annotated[
    list[str] | None,
    typer.Option(
        "--benchmark",
        metavar="TASK",
        help="What a tuned model may not get worse at than its base: a task of lm-eval, or a YAML file with one; may "
        "be repeated.",
    ),
]

BenchmarkLimit = Annotated[int, typer.Option(metavar="N", min=1, help="How many rows of each benchmark are asked.")]

Memory = Annotated[
    bool | None,
    typer.Option("--memory/--no-memory", help="Ask a tuned model training rows too; left out: when two are compared."),
]

Latency = Annotated[
    bool | None,
    typer.Option(
        "--latency/--no-latency",
        help="Time single answers; left out: once, when two models of this machine are compared.",
    ),
]

Calibration = Annotated[bool, typer.Option("--calibration", help="See whether a model is sure of what it gets right.")]

Final = Annotated[bool, typer.Option("--final", help="Mark this as the one use of the test that decides.")]

Report = Annotated[
    Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Also write a page that opens offline.")
]

Markdown = Annotated[
    Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Also write Markdown for a pull request.")
]

Verdict = Annotated[
    Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Also write the verdict as JSON, for scripts.")
]
