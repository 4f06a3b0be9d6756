"""From models and a test set to a report: answers that are graded, or pairs of answers that are put in order."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.engine.protocol import Sampling
from luthier.errors import UsageError
from luthier.pipeline.data import load_test_set
from luthier.pipeline.evaluation import compare, evaluate, write_report
from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    page: Path | None = None,
    home: Home | None = None,
    progress: Progress = Progress(),
) -> EvalReport | PreferenceReport:
    """One model, or two with the baseline first. Without a grader the rows decide what is measured: single answers are
    graded by exact, and of pairs of answers it is seen which one the models lean to.

    `page` is where to write graded answers for reading; raises UsageError when nothing is graded.
    """
    home = home or open_home()
    if grader is None and load_test_set(Path(data)).is_preference:
        if page is not None:
            raise UsageError(
                "a page shows answers that were graded, and pairs of answers are put in order without writing any",
                hint="leave --report out, or grade answers against the preferred ones with --grader",
            )
        return order_pairs(models, data, home=home, progress=progress)
    judge = partial(evaluate if len(models) == 1 else compare, *models)
    report = judge(data, grader=grader or "exact", sampling=sampling, home=home, progress=progress)
    if page is not None:
        write_report(report, page, data=data, home=home)
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
    scorer = scorer or _start_scorer(home)
    base = scorer.identify(models[-1]).base
    names = [base, *models] if len(models) == 1 and base != models[0] else list(models)
    results = [
        score_pairs(scorer, name, pairs, dataset, on_progress=_count_up(progress, name, 2 * len(pairs)))
        for name in names
    ]
    baseline = results[0] if len(results) == 2 else None
    report = build_preference_report(dataset.name, pairs, results[-1], baseline=baseline)
    keep_report(home, report)
    return report


def _start_scorer(home: Home) -> Scorer:
    from luthier.engine.torch_engine import TorchEngine
    from luthier.models.registry import resolve_model

    return TorchEngine(lambda name: resolve_model(home, name))


def _count_up(progress: Progress, model: str, total: int) -> Callable[[int], None]:
    done = 0
    progress.count_answers(model, 0, total)

    def count(finished: int) -> None:
        nonlocal done
        done += finished
        progress.count_answers(model, done, total)

    return count
