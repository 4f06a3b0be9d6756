"""From models and a test set to a report: answers that are graded, or pairs of answers that are put in order."""

from __future__ import annotations

from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.engine.protocol import Sampling
from luthier.errors import UsageError
from luthier.pipeline.data import load_test_set
from luthier.pipeline.engines import EngineKind, start_torch
from luthier.pipeline.evaluation import compare, evaluate, write_report
from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.protocol import Scorer
    from luthier.evaluation.preference_report import PreferenceReport
    from luthier.evaluation.report import EvalReport
    from luthier.store.home import Home


def measure(
    models: Sequence[str],
    data: Path | str,
    *,
    grader: str | None = None,
    sampling: Sampling = Sampling(),
    structure: str | None = None,
    engine: EngineKind = "torch",
    page: Path | None = None,
    home: Home | None = None,
    progress: Progress = Progress(),
) -> EvalReport | PreferenceReport:
    """One model, or two with the baseline first. Without a grader the rows decide what is measured: single answers are
    graded by exact, and of pairs of answers it is seen which one the models lean to.

    `page` is where to write graded answers for reading; raises UsageError for it, a `structure` or another engine when
    nothing is graded.
    """
    home = home or open_home()
    if grader is None and load_test_set(Path(data)).is_preference:
        _refuse_what_writes(page=page, structure=structure, engine=engine)
        return order_pairs(models, data, home=home, progress=progress)
    judge = partial(evaluate if len(models) == 1 else compare, *models)
    report = judge(
        data,
        grader=grader or "exact",
        sampling=sampling,
        structure=structure,
        engine=engine,
        home=home,
        progress=progress,
    )
    if page is not None:
        write_report(report, page, data=data, structure=structure, home=home)
    return report


def order_pairs(
    models: Sequence[str],
    data: Path | str,
    *,
    scorer: Scorer | None = None,
    home: Home | None = None,
    progress: Progress = Progress(),
) -> PreferenceReport:
    """A tuned model that is named alone is held against its base."""
    from luthier.evaluation.archive import keep_report
    from luthier.evaluation.ordering import build_pairs, score_pairs
    from luthier.evaluation.preference_report import build_preference_report

    home = home or open_home()
    dataset = load_test_set(Path(data))
    pairs = build_pairs(dataset)
    with nullcontext(scorer) if scorer else closing(start_torch(home)) as judge:
        base = judge.identify(models[-1]).base
        names = [base, *models] if len(models) == 1 and base != models[0] else list(models)
        results = [
            score_pairs(judge, name, pairs, dataset, on_progress=progress.count_up(name, 2 * len(pairs)))
            for name in names
        ]
    baseline = results[0] if len(results) == 2 else None
    report = build_preference_report(dataset.name, pairs, results[-1], baseline=baseline)
    keep_report(home, report)
    return report


def _refuse_what_writes(*, page: Path | None, structure: str | None, engine: EngineKind) -> None:
    if page is not None:
        raise UsageError(
            "a page shows answers that were graded, and pairs of answers are put in order without writing any",
            hint="leave --report out, or grade answers against the preferred ones with --grader",
        )
    if structure is not None or engine != "torch":
        raise UsageError(
            "pairs of answers are put in order by the weights themselves, without writing any",
            hint="leave --structure and --engine out, or grade answers against the preferred ones with --grader",
        )
