"""From models to answers, and from answers on identical prompts to a verdict and its report."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.errors import UnknownBase
from luthier.pipeline.data import load_test_set
from luthier.pipeline.engines import use_engine
from luthier.pipeline.evaluating.plan import build_eval_task, build_plan, check_side_files, read_gate_settings
from luthier.pipeline.home import open_home
from luthier.pipeline.kept import list_models
from luthier.pipeline.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from luthier.engine.protocol import Engine
    from luthier.evaluation.report import EvalReport
    from luthier.pipeline.engines import EngineKind
    from luthier.pipeline.evaluating.plan import EvalChoices, EvalPlan
    from luthier.store.home import Home


def evaluate(
    model: str,
    data: Path | str,
    *,
    engine: Engine | EngineKind = "torch",
    home: Home | None = None,
    progress: Progress = Progress(),
    **choices: Unpack[EvalChoices],
) -> EvalReport:
    """One model on a file, or on a folder's test split."""
    home = home or open_home()
    return _measure([model], Path(data), build_plan(choices), engine=engine, home=home, progress=progress)


def compare(
    baseline: str,
    candidate: str,
    data: Path | str,
    *,
    engine: Engine | EngineKind = "torch",
    home: Home | None = None,
    progress: Progress = Progress(),
    **choices: Unpack[EvalChoices],
) -> EvalReport:
    """Two models on identical prompts, with the verdict on whether to ship the candidate."""
    from luthier.evaluation.conditions import refuse_same_model

    refuse_same_model(baseline, candidate)
    home, models = home or open_home(), [baseline, candidate]
    return _measure(models, Path(data), build_plan(choices), engine=engine, home=home, progress=progress)


def fetch_bases(models: Sequence[str], *, home: Home, progress: Progress) -> None:
    """Fetches what the models stand on, where the wait can be announced; an unknown name is left to its user."""
    from luthier.engine.remote.address import is_remote
    from luthier.models.catalog import locate_base

    tuned = {record.name: record.base for record in list_models(home=home)}
    for model in models:
        if not is_remote(model):
            with suppress(UnknownBase):
                locate_base(home, tuned.get(model, model), announce=progress.announce)


def _measure(
    models: Sequence[str], data: Path, plan: EvalPlan, *, engine: Engine | EngineKind, home: Home, progress: Progress
) -> EvalReport:
    """Everything that can be wrong with the call is refused before the first question is asked."""
    from luthier.evaluation.archive import keep_report
    from luthier.evaluation.report import build_report
    from luthier.evaluation.runner import Contestant
    from luthier.evaluation.sensitivity import describe_sensitivity
    from luthier.pipeline.evaluating.findings import choose_format, find_benchmarks, gather_findings
    from luthier.pipeline.evaluating.occasion import Occasion, find_engine, run_occasion
    from luthier.pipeline.evaluating.timing import time_answers

    settings, dataset = read_gate_settings(plan, home), load_test_set(data)
    check_side_files(plan)
    with use_engine(engine, home, announce=progress.announce) as opened:
        task = build_eval_task(plan, dataset, opened, home, progress=progress)
        choose_format(settings.format, task)
        contestants = tuple(Contestant(find_engine(opened, model), model) for model in models)
        benchmarks = find_benchmarks(plan, contestants[-1])
        occasion = Occasion(home, data, plan, settings, task, contestants, progress, benchmarks)
        if occasion.is_comparison:
            progress.announce(describe_sensitivity(len(task.samples), clusters=occasion.cluster_count))
        latency = time_answers(occasion)
        results = run_occasion(occasion)
        findings = gather_findings(occasion, results, latency)
    baseline = results[0] if occasion.is_comparison else None
    report = build_report(task, results[-1], baseline=baseline, findings=findings, settings=settings)
    keep_report(home, report, is_final=plan.is_final)
    return report
