"""From models to answers, and from answers on identical prompts to a verdict and its report."""

from __future__ import annotations

import shlex
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.data.check import check_file
from luthier.data.splits.folder import load_splits
from luthier.engine.protocol import Sampling
from luthier.errors import UnknownBase
from luthier.pipeline.data import load_test_set
from luthier.pipeline.engines import read_structure, use_engine
from luthier.pipeline.home import open_home
from luthier.pipeline.kept import list_models
from luthier.pipeline.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.protocol import Engine
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.summaries import DataSummary, TrainingSummary
    from luthier.evaluation.task import EvalTask
    from luthier.pipeline.engines import EngineKind
    from luthier.store.home import Home


def evaluate(
    model: str,
    data: Path | str,
    *,
    grader: str = "exact",
    sampling: Sampling = Sampling(),
    structure: str | None = None,
    engine: Engine | EngineKind = "torch",
    home: Home | None = None,
    progress: Progress = Progress(),
) -> EvalReport:
    """One model on a file, or on a folder's test split. `grader` is exact, json or regex:PATTERN; `structure` holds
    every answer to a form: json, schema:FILE, regex:PATTERN or choice:A|B."""
    from luthier.evaluation.report import build_report

    home = home or open_home()
    task = _build_task(data, grader, sampling, structure)
    with use_engine(engine, home, announce=progress.announce) as opened:
        (result,) = _run(opened, [model], task, home, progress)
    return _keep(home, build_report(task, result))


def compare(
    baseline: str,
    candidate: str,
    data: Path | str,
    *,
    grader: str = "exact",
    sampling: Sampling = Sampling(),
    structure: str | None = None,
    engine: Engine | EngineKind = "torch",
    home: Home | None = None,
    progress: Progress = Progress(),
) -> EvalReport:
    """Two models on identical prompts, with the verdict on whether to ship the candidate."""
    from luthier.evaluation.compare import refuse_same_model
    from luthier.evaluation.report import build_report
    from luthier.evaluation.verdict import describe_sensitivity

    refuse_same_model(baseline, candidate)
    home = home or open_home()
    task = _build_task(data, grader, sampling, structure)
    progress.announce(describe_sensitivity(len(task.samples)))
    with use_engine(engine, home, announce=progress.announce) as opened:
        before, after = _run(opened, [baseline, candidate], task, home, progress)
    return _keep(home, build_report(task, after, baseline=before))


def write_report(report: EvalReport, path: Path, *, data: Path | str, home: Home, structure: str | None = None) -> None:
    """One HTML file that opens offline, with the training behind the candidate when it was trained here.

    `structure` is how the user wrote it, which may name a file.
    """
    from luthier.evaluation.page import render_report
    from luthier.store.files import write_atomic

    page = render_report(
        report,
        training=_summarise_training(home, report.candidate.model),
        data=_summarise_data(Path(data), report.name),
        command=_phrase_command(report, data, structure),
    )
    write_atomic(path, page)


def fetch_bases(models: Sequence[str], *, home: Home, progress: Progress) -> None:
    """Fetches what the models stand on, where the wait can be announced; an unknown name is left to its user."""
    from luthier.engine.remote.address import is_remote
    from luthier.models.catalog import locate_base

    tuned = {record.name: record.base for record in list_models(home=home)}
    for model in models:
        if not is_remote(model):
            with suppress(UnknownBase):
                locate_base(home, tuned.get(model, model), announce=progress.announce)


def _phrase_command(report: EvalReport, data: Path | str, structure: str | None) -> str:
    """What a reader types to measure the same again."""
    conditions = report.candidate.manifest
    models = [word for result in report.results for word in ("--model", result.model)]
    sampling = conditions.sampling
    options = ["--data", str(data), "--grader", conditions.grader, "--max-tokens", str(sampling.max_tokens)]
    if sampling.temperature > 0:
        options += ["--temperature", str(sampling.temperature)]
    if sampling.top_p < 1:
        options += ["--top-p", str(sampling.top_p)]
    if sampling.seed is not None:
        options += ["--seed", str(sampling.seed)]
    if structure is not None:
        options += ["--structure", structure]
    if any(result.manifest.engine.startswith("vllm") for result in report.results):
        options += ["--engine", "vllm"]
    return shlex.join(["luthier", "eval", *models, *options])


def _build_task(data: Path | str, grader: str, sampling: Sampling, structure: str | None) -> EvalTask:
    from luthier.evaluation.graders.registry import parse_grader
    from luthier.evaluation.task import build_task

    form = read_structure(structure) if structure is not None else None
    return build_task(load_test_set(Path(data)), parse_grader(grader), sampling, structure=form)


def _run(engine: Engine, models: Sequence[str], task: EvalTask, home: Home, progress: Progress) -> list[ModelResult]:
    from luthier.engine.routing import RoutingEngine
    from luthier.evaluation.cache import OutputCache
    from luthier.evaluation.runner import Contestant, run_evaluations

    engines = [engine.find(model) if isinstance(engine, RoutingEngine) else engine for model in models]
    counts = {model: progress.count_up(model, len(task.samples)) for model in models}
    results = run_evaluations(
        [Contestant(*pair) for pair in zip(engines, models, strict=True)],
        task,
        cache=OutputCache(home.path / "outputs"),
        on_progress=lambda model, answered: counts[model](answered),
    )
    for answering, model in zip(engines, models, strict=True):
        for note in _list_notes(answering, model):
            progress.announce(note)
    return results


def _list_notes(engine: Engine, model: str) -> list[str]:
    """What there is to know about the answers of a hosted model."""
    from luthier.engine.remote.address import is_remote

    if not is_remote(model):
        return []
    from luthier.engine.remote_engine import RemoteEngine

    return engine.list_notes(model) if isinstance(engine, RemoteEngine) else []


def _keep(home: Home, report: EvalReport) -> EvalReport:
    from luthier.evaluation.archive import keep_report

    keep_report(home, report)
    return report


def _summarise_training(home: Home, model: str) -> TrainingSummary | None:
    from luthier.engine.remote.address import is_remote
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
