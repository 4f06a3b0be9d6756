"""From a tuned model to weaker ones of the same adapter: measured beside each other, and one of them kept."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.engine.protocol import Sampling
from luthier.errors import InvalidConfig, InvalidDataset, StoreDamaged, UnknownArtefact, UsageError
from luthier.pipeline.evaluating.pages import ReportFiles, check_files
from luthier.pipeline.evaluation import fetch_bases
from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from luthier.data.dataset import Dataset
    from luthier.engine.protocol import Engine
    from luthier.evaluation.forgetting.finding import Forgetting
    from luthier.evaluation.forgetting.material import Material
    from luthier.evaluation.forgetting.measure import TaskTexts
    from luthier.evaluation.strength import Sweep
    from luthier.evaluation.task import EvalTask
    from luthier.models.registry import TunedModel
    from luthier.store.home import Home


@dataclass(frozen=True)
class StrengthWish:
    """`strengths` are tried beside the full one. By `grader` a row passes, and of the pass rate at full strength
    `margin` may be lost; `structure` is a form of answers, as `read_structure` takes it. `material` is what is asked
    besides the task; None for what comes with Luthier."""

    strengths: tuple[float, ...] = (0.9, 0.8, 0.7, 0.6, 0.5)
    margin: float = 0.1
    grader: str = "exact"
    sampling: Sampling = Sampling()
    structure: str | None = None
    material: Material | None = None


def compare_strengths(
    model: str,
    data: Path | str | None = None,
    wish: StrengthWish = StrengthWish(),
    *,
    page: Path | None = None,
    home: Home | None = None,
    progress: Progress = Progress(),
) -> Sweep:
    """On validation rows, never on test rows, which have to stay new for the verdict on what is chosen: those of the
    run that has made the model, or of the split in the folder `data`. A `page` opens offline.

    What was measured before is not measured again, so a call that was killed goes on where it was. Raises what is
    wrong with the wish, the model or the rows before anything is asked.
    """
    from luthier.evaluation.pages.strength import render_strengths
    from luthier.store.files import open_scratch, write_atomic

    check_files(ReportFiles(page))
    if not 0 < wish.margin < 1:
        raise InvalidConfig(f"the margin must lie between 0 and 1, not {wish.margin:g}", hint="0.1 lets 10 points pass")
    home = home or open_home()
    source = _find_tuned(home, model)
    rows = _find_validation_rows(home, source, data)
    fetch_bases([source.name], home=home, progress=progress)
    with open_scratch(home.path / "strengths") as folder:
        drafts = {1.0: source, **_write_drafts(source, wish, folder)}
        sweep = _measure(source, drafts, rows, wish=wish, home=home, progress=progress)
    if page is not None:
        write_atomic(page, render_strengths(sweep))
    return sweep


def keep_strength(model: str, strength: float, *, name: str | None = None, home: Home | None = None) -> TunedModel:
    """A registered model of its own, made in a moment. Without a name it gets one from its model and the strength."""
    from luthier.models.strength import keep_weaker, weaken
    from luthier.training.naming import check_model_name

    home = home or open_home()
    source = _find_tuned(home, model)
    name = name or f"{source.name}-at-{strength:g}"
    check_model_name(name)
    return keep_weaker(home, weaken(source, strength, name=name))


def _find_tuned(home: Home, model: str) -> TunedModel:
    """Raises UnknownModel, and UsageError for a base."""
    from luthier.models.registry import TunedModel, resolve_model

    found = resolve_model(home, model)
    if not isinstance(found, TunedModel):
        raise UsageError(f"{model} is no tuned model: it has no adapter", hint="`luthier models` lists the tuned ones")
    return found


def _find_validation_rows(home: Home, source: TunedModel, data: Path | str | None) -> Dataset:
    """Raises UsageError where there are none, and InvalidDataset for rows that the model was trained on."""
    rows = _read_own_rows(home, source) if data is None else _load_rows(data)
    seen = [
        f"{rows.path}:{row.line}: {source.name} was trained on this prompt"
        for row in rows.examples
        if row.prompt_fingerprint in source.card.trained_on
    ]
    if seen:
        message = (
            f"{len(seen)} of {len(rows.examples)} validation rows of {rows.name} are training rows of {source.name}"
        )
        raise InvalidDataset(message, rows=seen, hint="name the split that the model was tuned on, or one of new rows")
    return rows


def _load_rows(data: Path | str) -> Dataset:
    from luthier.data.splits.folder import load_splits
    from luthier.pipeline.versions import find_data

    path = find_data(data)
    if path.exists() and not path.is_dir():
        hint = f"make one of it: luthier split {path} --out FOLDER"
        raise UsageError(f"{path} is one file and no split, so that it has no validation rows", hint=hint)
    return load_splits(path).validation


def _read_own_rows(home: Home, source: TunedModel) -> Dataset:
    from luthier.data.catalog import KIND, read_splits
    from luthier.store.catalog import find_artefact, parents_of

    try:
        run = find_artefact(home.database, source.card.run)
        splits = [each for each in parents_of(home.database, run.fingerprint) if each.kind == KIND]
        return read_splits(home, splits[0].fingerprint).validation
    except (UnknownArtefact, StoreDamaged, IndexError) as error:
        message = f"the rows that {source.name} was validated on are not kept any more"
        raise UsageError(message, hint="name the folder of its split with --data") from error


def _write_drafts(source: TunedModel, wish: StrengthWish, folder: Path) -> dict[float, TunedModel]:
    """By strength; the full one needs none."""
    from luthier.models.card import write_card
    from luthier.models.registry import TunedModel
    from luthier.models.strength import weaken, write_weaker

    drafts = {}
    for strength in sorted({*wish.strengths} - {1.0}, reverse=True):
        weaker = weaken(source, strength, name=f"{source.name}@{strength:g}")
        place = folder / f"{strength:g}"
        write_weaker(weaker, place)
        write_card(weaker.card, place)
        drafts[strength] = TunedModel(weaker.card.name, place, weaker.card)
    if not drafts:
        raise InvalidConfig("no strength is to be tried", hint="name some between 0 and 1, such as 0.5,0.75")
    return drafts


def _measure(
    source: TunedModel,
    drafts: Mapping[float, TunedModel],
    rows: Dataset,
    *,
    wish: StrengthWish,
    home: Home,
    progress: Progress,
) -> Sweep:
    """One copy of the base's weights answers at all strengths."""
    from luthier.evaluation.cache import OutputCache
    from luthier.evaluation.runner import Contestant, run_evaluations
    from luthier.evaluation.strength import Sweep, judge_strengths
    from luthier.pipeline.engines import start_torch
    from luthier.pipeline.evaluating.plan import EvalPlan, build_eval_task

    plan = EvalPlan(grader=wish.grader, sampling=wish.sampling, structure=wish.structure)
    with closing(start_torch(home, drafts={draft.name: draft for draft in drafts.values()})) as engine:
        task = build_eval_task(plan, rows, engine, home)
        models = [source.card.base, *(draft.name for draft in drafts.values())]
        counts = {model: progress.count_up(model, len(task.samples)) for model in models}
        base, *results = run_evaluations(
            [Contestant(engine, model) for model in models],
            task,
            cache=OutputCache(home.path / "outputs"),
            on_progress=lambda model, answered: counts[model](answered),
        )
        forgetting = _measure_forgetting(
            source, drafts, task, material=wish.material, engine=engine, home=home, progress=progress
        )
    trials = judge_strengths(base, dict(zip(drafts, results, strict=True)), forgetting, margin=wish.margin)
    return Sweep(source.name, rows.name, base, trials, wish.margin)


def _measure_forgetting(
    source: TunedModel,
    drafts: Mapping[float, TunedModel],
    task: EvalTask,
    *,
    material: Material | None,
    engine: Engine,
    home: Home,
    progress: Progress,
) -> dict[float, Forgetting]:
    from luthier.evaluation.forgetting.finding import NotMeasured
    from luthier.evaluation.forgetting.measure import count_steps, measure_forgetting
    from luthier.evaluation.gates.settings import build_gates

    margins = build_gates(home.settings.gates, source="gates in luthier.toml").margins
    texts, found = _gather_texts(home, source, task), {}
    for strength, draft in drafts.items():
        lost = measure_forgetting(
            engine,
            source.card.base,
            draft.name,
            task=texts,
            folder=home.path,
            margins=margins,
            material=material,
            on_progress=progress.count_up(f"{draft.name} besides its task", count_steps(texts, material)),
        )
        if isinstance(lost, NotMeasured):
            raise UsageError(f"what {source.name} forgot cannot be measured: {lost.reason}", hint="tune it again")
        found[strength] = lost
    return found


def _gather_texts(home: Home, source: TunedModel, task: EvalTask) -> TaskTexts:
    """As an evaluation does, but of validation rows."""
    from luthier.conversation import Conversation
    from luthier.evaluation.forgetting.measure import TaskTexts
    from luthier.evaluation.training_rows import find_lessons
    from luthier.pipeline.evaluating.findings import explain_loss

    lessons = find_lessons(home, source.name)
    return TaskTexts(
        prompts=tuple(Conversation(sample.prompt, sample.tools) for sample in task.samples),
        training_answers=tuple(row.conversation.answer.content for file in lessons.files for row in file.examples),
        unknown="" if lessons.depth == "rows" else explain_loss(lessons),
    )
