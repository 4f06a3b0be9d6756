"""From models to answers, and from answers on identical prompts to a verdict and its report."""

from __future__ import annotations

import shlex
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.conversation import Message
from luthier.data.check import check_file
from luthier.data.splits.folder import load_splits
from luthier.engine.protocol import Request, Sampling
from luthier.errors import UnknownBase
from luthier.pipeline.data import load_test_set
from luthier.pipeline.home import open_home
from luthier.pipeline.kept import list_models
from luthier.pipeline.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.protocol import Engine, Response
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.summaries import DataSummary, TrainingSummary
    from luthier.evaluation.task import EvalTask
    from luthier.store.home import Home


def evaluate(
    model: str,
    data: Path | str,
    *,
    grader: str = "exact",
    sampling: Sampling = Sampling(),
    engine: Engine | None = None,
    home: Home | None = None,
    progress: Progress = Progress(),
) -> EvalReport:
    """One model on a file, or on a folder's test split. `grader` is exact, json or regex:PATTERN."""
    from luthier.evaluation.report import build_report

    home = home or open_home()
    task = _build_task(data, grader, sampling)
    result = _run(engine or start_engine(home), model, task, home, progress)
    return _keep(home, build_report(task, result))


def compare(
    baseline: str,
    candidate: str,
    data: Path | str,
    *,
    grader: str = "exact",
    sampling: Sampling = Sampling(),
    engine: Engine | None = None,
    home: Home | None = None,
    progress: Progress = Progress(),
) -> EvalReport:
    """Two models on identical prompts, with the verdict on whether to ship the candidate."""
    from luthier.evaluation.report import build_report
    from luthier.evaluation.verdict import describe_sensitivity

    home = home or open_home()
    task = _build_task(data, grader, sampling)
    progress.announce(describe_sensitivity(len(task.samples)))
    engine = engine or start_engine(home)
    before = _run(engine, baseline, task, home, progress)
    after = _run(engine, candidate, task, home, progress)
    return _keep(home, build_report(task, after, baseline=before))


def chat(
    model: str,
    conversation: str | Sequence[Message],
    *,
    system: str | None = None,
    sampling: Sampling = Sampling(max_tokens=512),
    engine: Engine | None = None,
    home: Home | None = None,
) -> Response:
    """The model's next message. Without a system prompt of its own, the one it was trained with is used."""
    home = home or open_home()
    messages = (Message("user", conversation),) if isinstance(conversation, str) else tuple(conversation)
    if messages[0].role != "system":
        prompt = find_system_prompt(home, model) if system is None else system
        messages = (Message("system", prompt), *messages) if prompt else messages
    return (engine or start_engine(home)).generate([Request(model, messages, sampling)])[0]


def write_report(report: EvalReport, path: Path, *, data: Path | str, home: Home) -> None:
    """One HTML file that opens offline, with the training behind the candidate when it was trained here."""
    from luthier.evaluation.page import render_report
    from luthier.store.files import write_atomic

    page = render_report(
        report,
        training=_summarise_training(home, report.candidate.model),
        data=_summarise_data(Path(data), report.name),
        command=_phrase_command(report, data),
    )
    write_atomic(path, page)


def start_engine(home: Home) -> Engine:
    """The embedded engine."""
    from luthier.engine.torch_engine import TorchEngine
    from luthier.models.registry import resolve_model

    return TorchEngine(lambda name: resolve_model(home, name))


def find_system_prompt(home: Home, model: str) -> str:
    """What a tuned model was told in every training example; empty for a base."""
    from luthier.models.registry import TunedModel, resolve_model

    found = resolve_model(home, model)
    return found.card.system_prompt if isinstance(found, TunedModel) else ""


def fetch_bases(models: Sequence[str], *, home: Home, progress: Progress) -> None:
    """Fetches what the models stand on, where the wait can be announced; an unknown name is left to its user."""
    from luthier.models.catalog import locate_base

    tuned = {record.name: record.base for record in list_models(home=home)}
    for model in models:
        with suppress(UnknownBase):
            locate_base(home, tuned.get(model, model), announce=progress.announce)


def _phrase_command(report: EvalReport, data: Path | str) -> str:
    """What a reader types to measure the same again."""
    conditions = report.candidate.manifest
    models = [word for result in report.results for word in ("--model", result.model)]
    sampling = conditions.sampling
    options = ["--data", str(data), "--grader", conditions.grader, "--max-tokens", str(sampling.max_tokens)]
    if sampling.temperature > 0:
        options += ["--temperature", str(sampling.temperature)]
    if sampling.seed is not None:
        options += ["--seed", str(sampling.seed)]
    return shlex.join(["luthier", "eval", *models, *options])


def _build_task(data: Path | str, grader: str, sampling: Sampling) -> EvalTask:
    from luthier.evaluation.graders.registry import parse_grader
    from luthier.evaluation.task import build_task

    return build_task(load_test_set(Path(data)), parse_grader(grader), sampling)


def _run(engine: Engine, model: str, task: EvalTask, home: Home, progress: Progress) -> ModelResult:
    from luthier.evaluation.cache import OutputCache
    from luthier.evaluation.runner import run_evaluation

    total, done = len(task.samples), 0
    progress.count_answers(model, 0, total)

    def count(finished: int) -> None:
        nonlocal done
        done += finished
        progress.count_answers(model, done, total)

    return run_evaluation(engine, model, task, cache=OutputCache(home.path / "outputs"), on_progress=count)


def _keep(home: Home, report: EvalReport) -> EvalReport:
    from luthier.evaluation.archive import keep_report

    keep_report(home, report)
    return report


def _summarise_training(home: Home, model: str) -> TrainingSummary | None:
    from luthier.evaluation.summaries import LossPoint, TrainingSummary
    from luthier.models.registry import TunedModel, resolve_model
    from luthier.training.events import EventLog

    found = resolve_model(home, model)
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
