"""From models and a test set to a report: answers that are graded, or pairs of answers that are put in order."""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.engine.protocol import Sampling
from luthier.errors import UsageError
from luthier.pipeline.data import load_test_set
from luthier.pipeline.engines import EngineKind, start_torch
from luthier.pipeline.evaluating.pages import NO_FILES, ReportFiles, clear_files, write_files
from luthier.pipeline.evaluating.plan import EvalPlan, build_plan
from luthier.pipeline.evaluation import compare, evaluate
from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from luthier.engine.protocol import Scorer
    from luthier.evaluation.preference_report import PreferenceReport
    from luthier.evaluation.report import EvalReport
    from luthier.pipeline.evaluating.plan import EvalChoices
    from luthier.store.home import Home


def measure(
    models: Sequence[str],
    data: Path | str,
    *,
    engine: EngineKind = "torch",
    files: ReportFiles = NO_FILES,
    home: Home | None = None,
    progress: Progress = Progress(),
    **choices: Unpack[EvalChoices],
) -> EvalReport | PreferenceReport:
    """One model, or two with the baseline first. Without a grader the rows decide what is measured: single answers are
    graded by exact, and of pairs of answers it is seen which one the models lean to.

    `files` of an earlier run are removed at once, and written for graded answers. Raises UsageError for them, or for a
    choice about answers, when nothing is graded.
    """
    clear_files(files)
    home = home or open_home()
    if "grader" not in choices and load_test_set(Path(data)).is_preference:
        _refuse_what_writes(files, choices, engine=engine)
        return order_pairs(models, data, home=home, progress=progress)
    judge = partial(evaluate if len(models) == 1 else compare, *models)
    report = judge(data, engine=engine, home=home, progress=progress, **choices)
    write_files(report, files, data=data, home=home, choices=choices)
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
    from luthier.evaluation.contamination import find_contamination
    from luthier.evaluation.ordering import build_pairs, score_pairs
    from luthier.evaluation.preference_report import build_preference_report
    from luthier.evaluation.task import build_samples
    from luthier.pipeline.safeguards import gather_lessons

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
    lessons = gather_lessons(home, names, data=data).values()
    found = find_contamination(build_samples(dataset), lessons, results=results)
    report = build_preference_report(dataset.name, pairs, results[-1], baseline=baseline, contamination=found)
    keep_report(home, report)
    return report


def _refuse_what_writes(files: ReportFiles, choices: EvalChoices, *, engine: EngineKind) -> None:
    if any(files):
        raise UsageError(
            "a page shows answers that were graded, and pairs of answers are put in order without writing any",
            hint="leave --report, --markdown and --verdict out, or grade answers against the preferred ones with "
            "--grader",
        )
    if replace(build_plan(choices), sampling=Sampling()) != EvalPlan() or engine != "torch":
        raise UsageError(
            "pairs of answers are put in order by the weights themselves, without writing any",
            hint="leave out what concerns answers, or grade answers against the preferred ones with --grader",
        )
