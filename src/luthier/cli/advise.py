"""`luthier advise`: how much effort a task needs, measured rung by rung."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luthier.cli import output
from luthier.cli.options import AsJson, BaseName, DataPath, EngineKind, MaxTokens

if TYPE_CHECKING:
    from luthier.pipeline import AdviceWish

BESIDE_WISH = frozenset({"data", "max_tokens", "engine", "report", "markdown", "as_json"})


Tuned = Annotated[
    str | None, typer.Option(metavar="NAME", help="A model that is tuned already; left out, one is trained.")
]
Tunes = Annotated[
    bool | None,
    typer.Option("--tune/--no-tune", help="Train with however few rows, or never; left out: from 50 rows on."),
]
Documents = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Text, Markdown and HTML files for the retrieval rungs.")
]
System = Annotated[
    Path | None,
    typer.Option(metavar="FILE", dir_okay=False, help="Better instructions, tried instead of the rows' own."),
]
RungModels = Annotated[
    list[str] | None,
    typer.Option("--rung-model", metavar="NAME", help="One more model on the ladder, such as openai:NAME."),
]
Grader = Annotated[str, typer.Option(metavar="GRADER", help="What passes, as for `luthier eval`.")]
Target = Annotated[float, typer.Option(metavar="FRACTION", help="Pass rate that is good enough.")]
Examples = Annotated[int, typer.Option(metavar="COUNT", min=1, max=50, help="Training rows in a few-shot prompt.")]
Passages = Annotated[int, typer.Option(metavar="COUNT", min=1, max=50, help="Passages for one question.")]
SourceKey = Annotated[
    str, typer.Option(metavar="KEY", help="Key of a row's metadata that names the documents of its answer.")
]
Changes = Annotated[bool, typer.Option("--knowledge-changes", help="The answers rest on knowledge that changes.")]
Cites = Annotated[bool, typer.Option("--citations", help="An answer must name its sources.")]
ClimbsAll = Annotated[bool, typer.Option("--all", help="Measure the rungs above the one that meets the target too.")]
RequestsPerMonth = Annotated[
    int | None, typer.Option(metavar="COUNT", min=1, help="For how long the break-even takes.")
]
UpfrontDollars = Annotated[
    float,
    typer.Option(metavar="DOLLARS", min=0, help="What a tuned model costs once, such as the work on its rows."),
]
ReportFile = Annotated[
    Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Also write a page that opens offline.")
]
MarkdownFile = Annotated[
    Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Also write Markdown for a pull request.")
]


def advise(
    context: typer.Context,
    data: DataPath,
    base: BaseName = "smollm2-135m",
    tuned: Tuned = None,
    tunes: Tunes = None,
    documents: Documents = None,
    system: System = None,
    rung_models: RungModels = None,
    grader: Grader = "exact",
    target: Target = 0.9,
    examples: Examples = 5,
    passages: Passages = 3,
    source_key: SourceKey = "source",
    changes: Changes = False,
    cites: Cites = False,
    climbs_all: ClimbsAll = False,
    requests_per_month: RequestsPerMonth = None,
    upfront_dollars: UpfrontDollars = 0.0,
    max_tokens: MaxTokens = 256,
    engine: EngineKind = "torch",
    report: ReportFile = None,
    markdown: MarkdownFile = None,
    as_json: AsJson = False,
) -> None:
    """Find the least that is enough, from a prompt to tuning.

    All rungs answer the same test rows: prompt only, few-shot with the nearest training rows, retrieval over a folder
    of documents, fine-tuned, and fine-tuned with retrieval. The advice is the lowest that meets the target. A file is
    split first, and the split is kept, so that the next call measures the same rows. The same command again goes on
    with what was stopped.
    """
    from luthier import pipeline
    from luthier.cli.progress import show_progress
    from luthier.cli.render_advice import render_advice
    from luthier.engine.protocol import Sampling

    pipeline.clear_files(pipeline.ReportFiles(report, markdown))
    with show_progress() as progress:
        sampling = Sampling(max_tokens=max_tokens)
        advice = pipeline.advise(data, build_wish(context.params), sampling=sampling, engine=engine, progress=progress)
    if report is not None:
        pipeline.write_advice_page(advice, report)
    if markdown is not None:
        pipeline.write_advice_markdown(advice, markdown)
    output.emit(advice.to_json(), render_advice(advice, page=report, markdown=markdown), as_json=as_json)


def build_wish(parameters: dict[str, Any]) -> AdviceWish:
    from luthier.pipeline import AdviceWish

    chosen = {name: value for name, value in parameters.items() if name not in BESIDE_WISH}
    return AdviceWish(**{**chosen, "rung_models": tuple(chosen["rung_models"] or ())})
