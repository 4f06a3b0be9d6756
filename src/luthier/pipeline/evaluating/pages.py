"""A report becomes the files that people and scripts read: a page, Markdown for a pull request, the verdict alone."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from luthier.data.check import check_file
from luthier.data.splits.folder import load_splits
from luthier.engine.remote.address import is_remote
from luthier.errors import UsageError
from luthier.pipeline.evaluating.plan import EvalChoices, build_plan

if TYPE_CHECKING:
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.summaries import DataSummary, TrainingSummary
    from luthier.pipeline.evaluating.plan import EvalPlan
    from luthier.store.home import Home


FLAGS: dict[str, dict[bool | None, str]] = {
    "measures_forgetting": {True: "--forgetting", False: "--no-forgetting"},
    "probes_memory": {True: "--memory", False: "--no-memory"},
    "measures_latency": {True: "--latency", False: "--no-latency"},
    "asks_calibration": {True: "--calibration"},
}


class ReportFiles(NamedTuple):
    """Where to write what; None for what nobody wants."""

    page: Path | None = None
    markdown: Path | None = None
    verdict: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What each is called where it is told that it was written."""
        return ("report", "markdown", "verdict file")


NO_FILES = ReportFiles()


def check_files(files: ReportFiles) -> None:
    """To be called before minutes of measuring. Raises UsageError for a path that leads through a file, or to something
    that is none, such as a device."""
    for path in filter(None, files):
        found = next(parent for parent in path.absolute().parents if parent.exists())
        if not found.is_dir():
            raise UsageError(f"{path} cannot be written: {found} is no folder", hint="name a file in a folder")
        if path.is_symlink() or (path.exists() and not path.is_file()):
            hint = "name a file; --json writes the whole report to stdout"
            raise UsageError(f"{path} cannot be replaced: it is no regular file", hint=hint)


def clear_files(files: ReportFiles) -> None:
    """To be called before anything else: what lies there afterwards is of this run, and nothing is when it fails.

    Raises UsageError as `check_files` does, and for a file that cannot be removed.
    """
    check_files(files)
    for path in filter(None, files):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            why = (error.strerror or "it is in use").lower()
            raise UsageError(f"{path} cannot be replaced: {why}", hint="name a file of your own") from error


def write_files(report: EvalReport, files: ReportFiles, *, data: Path | str, home: Home, choices: EvalChoices) -> None:
    from luthier.evaluation.documents import write_verdict
    from luthier.evaluation.markdown import render_markdown
    from luthier.store.files import write_atomic

    if files.page is not None:
        write_report(report, files.page, data=data, home=home, choices=choices)
    if files.markdown is not None:
        write_atomic(files.markdown, render_markdown(report))
    if files.verdict is not None:
        write_atomic(files.verdict, json.dumps(write_verdict(report), indent=2) + "\n")


def write_report(
    report: EvalReport, path: Path, *, data: Path | str, home: Home, choices: EvalChoices | None = None
) -> None:
    """One HTML file that opens offline, with the training behind the candidate when it was trained here.

    `choices` are those that the report was made with, as the user wrote them: they may name files.
    """
    from luthier.evaluation.page import render_report
    from luthier.store.files import write_atomic

    page = render_report(
        report,
        training=_summarise_training(home, report.candidate.model),
        data=_summarise_data(Path(data), report.name),
        command=phrase_command(report, data, build_plan(choices or {"grader": report.candidate.manifest.grader})),
    )
    write_atomic(path, page)


def phrase_command(report: EvalReport, data: Path | str, plan: EvalPlan) -> str:
    """What a reader types to measure the same again."""
    sampling = report.candidate.manifest.sampling
    options = [word for result in report.results for word in ("--model", result.model)]
    options += ["--data", str(data), "--grader", plan.grader, "--max-tokens", str(sampling.max_tokens)]
    if sampling.temperature > 0:
        options += ["--temperature", str(sampling.temperature)]
    if sampling.top_p < 1:
        options += ["--top-p", str(sampling.top_p)]
    if sampling.seed is not None:
        options += ["--seed", str(sampling.seed)]
    if plan.structure is not None:
        options += ["--structure", plan.structure]
    options += [word for grader in plan.also for word in ("--also", grader)]
    options += [word for guardrail in plan.guardrails for word in ("--guardrail", guardrail)]
    options += [word for benchmark in plan.benchmarks for word in ("--benchmark", benchmark)]
    options += ["--benchmark-limit", str(plan.benchmark_limit)] if plan.benchmarks else []
    options += ["--cluster", plan.cluster] if plan.cluster else []
    for name, file in (("--gates", plan.gates), ("--human-labels", plan.human_labels), ("--canaries", plan.canaries)):
        options += [name, str(file)] if isinstance(file, str | Path) else []
    options += [word for name, flag in FLAGS.items() if (word := flag.get(getattr(plan, name)))]
    if any(result.manifest.engine.startswith("vllm") for result in report.results):
        options += ["--engine", "vllm"]
    return shlex.join(["luthier", "eval", *options])


def _summarise_training(home: Home, model: str) -> TrainingSummary | None:
    from luthier.evaluation.summaries import LossPoint, TrainingSummary
    from luthier.models.registry import TunedModel, resolve_model
    from luthier.training.events import EventLog

    found = None if is_remote(model) else resolve_model(home, model)
    if not isinstance(found, TunedModel):
        return None
    rows = EventLog(home.runs / found.card.run / "metrics.jsonl").read()
    points = {
        kind: tuple(LossPoint(row["step"], row["loss"]) for row in rows if row["event"] == kind)
        for kind in ("step", "validation")
    }
    metrics = found.card.metrics
    return TrainingSummary(
        base=found.card.base,
        points=points["step"],
        validation_points=points["validation"],
        settings=found.card.config,
        **{key: metrics[key] for key in ("seconds", "tokens", "tokens_per_second", "trainable_parameters")},
    )


def _summarise_data(path: Path, name: str) -> DataSummary | None:
    """None for a single file: what else it was split into is not known."""
    from luthier.evaluation.summaries import DataSummary

    if not path.is_dir():
        return None
    splits = load_splits(path)
    counts = {side: len(dataset.examples) for side, dataset in splits.sides.items()}
    findings = Counter(
        finding.code for side in splits.sides for finding in check_file(path / f"{side}.jsonl", minimum=1).findings
    )
    fingerprint = splits.origin.fingerprint if splits.origin else splits.train.fingerprint
    return DataSummary(name, sum(counts.values()), **counts, fingerprint=fingerprint, findings=findings)
