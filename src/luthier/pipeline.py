"""The table of contents: one function for each arrow from raw rows to a verdict.

The command line, the Python API and every other edge call these functions and nothing below them. What needs torch
is imported where it is used, so that checking a file does not wait for it.
"""

from __future__ import annotations

import shlex
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.conversation import Message
from luthier.data.check import check_file
from luthier.data.examples import example_path
from luthier.data.reading import load_dataset
from luthier.data.split import load_splits, split_dataset, write_splits
from luthier.engine.protocol import Request, Sampling
from luthier.errors import UnknownBase, UsageError, did_you_mean
from luthier.models.fetch import silent
from luthier.recipes import find_recipe
from luthier.settings import load_settings
from luthier.store.home import Home
from luthier.training.config import build_config, read_recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from luthier.data.check import CheckReport
    from luthier.data.dataset import Dataset
    from luthier.data.split import Splits
    from luthier.engine.protocol import Engine, Response
    from luthier.evaluation.report import EvalReport
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.summaries import DataSummary, TrainingSummary
    from luthier.evaluation.task import EvalTask
    from luthier.models.fetch import Announce
    from luthier.models.registry import TunedModel
    from luthier.store.catalog import ModelRecord, RunRecord
    from luthier.training.events import Observer

DEFAULT_BASE = "smollm2-135m"


@dataclass(frozen=True)
class Progress:
    """Who is told what goes on: stages, sentences, training events, and how many of how many answers are done."""

    start_stage: Announce = silent
    announce: Announce = silent
    observe: Observer = lambda event: None
    count_answers: Callable[[str, int, int], None] = lambda model, done, total: None


class DemoResult(NamedTuple):
    checked: CheckReport
    splits: Splits
    model: TunedModel
    report: EvalReport


def open_home() -> Home:
    """The home folder that the environment and luthier.toml name."""
    return Home(load_settings())


def check(file: Path | str) -> CheckReport:
    """Everything in a chat file that would spoil a model. Raises FileMissing."""
    return check_file(Path(file))


def split(file: Path | str, out: Path | str, *, seed: int = 0) -> Splits:
    """Writes train, validation and test files of 80, 10 and 10 percent to the folder `out`."""
    splits = split_dataset(load_dataset(Path(file)), seed=seed)
    write_splits(splits, Path(out))
    return splits


def tune(
    data: Path | str,
    *,
    base: str = DEFAULT_BASE,
    name: str | None = None,
    recipe: str | None = None,
    settings: Mapping[str, Any] | None = None,
    home: Home | None = None,
    progress: Progress = Progress(),
) -> TunedModel:
    """Trains an adapter on a file, or on a folder's train split, and registers it. `settings` win over the recipe.

    The same call again goes on with a run that was stopped, or returns the model that it has already made.
    """
    from luthier.models.catalog import locate_base
    from luthier.training.naming import name_order
    from luthier.training.run import RunOrder, execute_run, find_finished

    home = home or open_home()
    values = {**(read_recipe(find_recipe(recipe)) if recipe else {}), **(settings or {})}
    config = build_config(values)
    splits = load_splits(Path(data))
    located = locate_base(home, base, announce=progress.announce)
    order = name_order(home, RunOrder(name or "", located, splits, config))
    finished = find_finished(home, order)
    if finished is not None:
        progress.announce(f"{finished.name} was trained on this very data with these settings already")
        return finished
    return execute_run(home, order, observe=progress.observe)


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


def demo(*, report: Path, home: Home | None = None, progress: Progress = Progress()) -> DemoResult:
    """The whole loop on the data that comes with Luthier; what is there already is not done again."""
    home = home or open_home()
    data = home.path / "demo"
    progress.start_stage("check")
    checked = check(example_path())
    progress.announce(f"{checked.summary['rows']} orders, {checked.summary['errors']} errors")
    progress.start_stage("split")
    splits = split(example_path(), data)
    progress.announce(", ".join(f"{side} {len(rows.examples)}" for side, rows in splits.sides.items()))
    progress.start_stage("tune")
    model = tune(data, recipe="orders", home=home, progress=progress)
    progress.start_stage("compare")
    result = compare(DEFAULT_BASE, model.name, data, grader="json", home=home, progress=progress)
    write_report(result, report, data=data, home=home)
    return DemoResult(checked, splits, model, result)


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


def show(name: str, *, home: Home | None = None) -> dict[str, Any]:
    """What is kept about a model, a run or any artefact, by name, id or the beginning of a fingerprint."""
    from luthier.store.inventory import describe_kept

    return describe_kept((home or open_home()).database, name)


def explain_rule(code: str) -> dict[str, str]:
    """What a rule of `check` finds, why, and how to mend it. Raises UsageError with the nearest codes."""
    from luthier.data.lint.registry import ALL_RULES

    rules = {rule.code: rule for rule in ALL_RULES}
    rule = rules.get(code.upper())
    if rule is None:
        raise UsageError(f"there is no rule {code}", hint=did_you_mean(code.upper(), rules))
    keys = ("code", "name", "severity", "finds", "why", "example", "hint")
    return {key: getattr(rule, key) for key in keys}


def fetch_bases(models: Sequence[str], *, home: Home, progress: Progress) -> None:
    """Fetches what the models stand on, where the wait can be announced; an unknown name is left to its user."""
    from luthier.models.catalog import locate_base

    tuned = {record.name: record.base for record in list_models(home=home)}
    for model in models:
        with suppress(UnknownBase):
            locate_base(home, tuned.get(model, model), announce=progress.announce)


def load_test_set(path: Path) -> Dataset:
    """A folder's test split, or all rows of a file."""
    return load_splits(path).test if path.is_dir() else load_dataset(path, minimum=1)


def list_models(*, home: Home | None = None) -> list[ModelRecord]:
    """The tuned models, the latest first."""
    from luthier.store import catalog

    return catalog.list_models((home or open_home()).database)


def list_runs(*, home: Home | None = None) -> list[RunRecord]:
    """The latest first. One that was killed, and so could not say that it ended, counts as interrupted."""
    from luthier.store import catalog
    from luthier.store.locks import is_locked

    home = home or open_home()
    return [
        replace(run, status="interrupted") if run.status == "running" and not is_locked(home.lock_of(run.id)) else run
        for run in catalog.list_runs(home.database)
    ]


def list_bases(*, home: Home | None = None) -> dict[str, bool]:
    """The embedded bases, and whether each has been fetched."""
    from luthier.models.catalog import EMBEDDED_BASES, is_fetched

    home = home or open_home()
    return {name: is_fetched(home, name) for name in EMBEDDED_BASES}


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
