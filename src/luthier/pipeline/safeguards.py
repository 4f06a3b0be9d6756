"""From models and what they answered to what may void it: rows seen before, secrets, judges, worn-out tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.data.splits.folder import load_splits
from luthier.pipeline.versions import find_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from luthier.data.canaries import Canary
    from luthier.evaluation.cache import OutputCache
    from luthier.evaluation.canaries import CanaryFindings
    from luthier.evaluation.judging.agreement import JudgeAgreement
    from luthier.evaluation.memory import MemoryProbe
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.runner import Contestant
    from luthier.evaluation.task import EvalTask
    from luthier.evaluation.training_rows import Lessons, TrainingFile
    from luthier.evaluation.uses import TestUses
    from luthier.store.home import Home


def gather_lessons(home: Home, models: Iterable[str], *, data: Path | str) -> dict[str, Lessons]:
    """What each model has learned from, wherever the test comes from: read once for all that ask."""
    from luthier.evaluation.training_rows import find_lessons

    read_beside = cache(lambda: _read_beside(data, home))
    return {model: find_lessons(home, model, read_beside=read_beside) for model in models}


def probe_memory(
    lessons: Lessons,
    contestant: Contestant,
    task: EvalTask,
    result: ModelResult,
    *,
    cache: OutputCache | None = None,
    on_progress: Callable[[int], None] = lambda answered: None,
) -> MemoryProbe | None:
    """None for a model whose training rows are not kept here, such as a base."""
    from luthier.evaluation.memory import probe_model

    return probe_model(contestant, task, result, lessons, cache=cache, on_progress=on_progress)


def probe_canaries(
    lessons: Lessons,
    contestant: Contestant,
    task: EvalTask,
    results: Sequence[ModelResult],
    *,
    file: Path | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> CanaryFindings | None:
    """The secrets that were planted in what the contestant has learned from, or those in `file`, are searched in all
    outputs and asked for. None where there are none."""
    from luthier.engine.protocol import Scorer
    from luthier.evaluation.canaries import (
        CanaryFindings,
        find_reproductions,
        list_outputs,
        lure,
        measure_exposure,
    )

    engine, model = contestant
    canaries = _find_canaries(lessons, file)
    if not canaries:
        return None
    own = [result for result in results if result.model == model]
    outputs = [*list_outputs(task.samples, own), *lure(contestant, canaries)]
    exposures = measure_exposure(engine, model, canaries, on_progress=on_progress) if isinstance(engine, Scorer) else ()
    return CanaryFindings(model, len(canaries), len(outputs), find_reproductions(canaries, outputs), exposures)


def count_uses(home: Home, result: ModelResult, *, is_final: bool = False) -> TestUses:
    """How many candidates this test has judged, `result`'s among them; to be asked before its report is kept."""
    from luthier.evaluation.uses import count_uses
    from luthier.store.catalog import list_artefacts

    return count_uses(list_artefacts(home.database, "report"), result.manifest, is_final=is_final)


def check_judges(task: EvalTask, results: Sequence[ModelResult], labels: Path | None) -> tuple[JudgeAgreement, ...]:
    """One for each judge that decides anything: the primary grader, and guardrails. Without labels none may gate."""
    from luthier.evaluation.graders.protocol import is_judge
    from luthier.evaluation.judging.checking import check_judge
    from luthier.evaluation.judging.labels import read_labels

    graders = [task.grader, *(each.grader for each in task.criteria if each.role == "guardrail")]
    judges = {grader.name: grader for grader in graders if is_judge(grader)}
    known = read_labels(labels) if labels is not None else ()
    return tuple(check_judge(judge, known, task.samples, results) for judge in judges.values())


def _read_beside(data: Path | str, home: Home) -> TrainingFile | None:
    """The train split of the folder that the test comes from."""
    from luthier.evaluation.training_rows import TrainingFile

    folder = find_data(data, home=home)
    if not folder.is_dir():
        return None
    return TrainingFile("train.jsonl", load_splits(folder).train.examples)


def _find_canaries(lessons: Lessons, file: Path | None) -> tuple[Canary, ...]:
    from luthier.data.canaries import find_planted, read_canaries

    if file is not None:
        return read_canaries(file)
    return find_planted(row for each in lessons.files for row in each.examples)
