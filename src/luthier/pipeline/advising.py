"""From rows, and perhaps documents, to the advice whether to prompt, to show examples, to search or to train."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.engine.protocol import Sampling
from luthier.errors import FileMissing, InvalidConfig
from luthier.pipeline.engines import use_engine
from luthier.pipeline.evaluation import fetch_bases
from luthier.pipeline.home import open_home
from luthier.pipeline.progress import Progress
from luthier.pipeline.training import DEFAULT_BASE

if TYPE_CHECKING:
    from luthier.advise.advice import Advice, Library
    from luthier.advise.break_even import Economics
    from luthier.advise.ladder import Ascent
    from luthier.advise.recommendation import Needs
    from luthier.advise.workshop import Machinery, Materials, Workshop
    from luthier.engine.protocol import Engine
    from luthier.evaluation.contamination import Contamination
    from luthier.evaluation.graders.openai.grading import Tools
    from luthier.evaluation.latency import Latency
    from luthier.evaluation.task import EvalTask
    from luthier.pipeline.engines import EngineKind
    from luthier.pipeline.freezing import Frozen
    from luthier.store.home import Home

TIMED_QUESTIONS = 6
TIMING_SECONDS = 90.0
"""For all rungs together; after it no new round begins."""


@dataclass(frozen=True)
class AdviceWish:
    """What somebody wants to know, and what they have.

    `tuned` is a model that is there already; without it `tunes` says whether one is trained, None by the number of
    rows. `documents` is a folder, `system` a file with instructions to try instead of the rows' own. `changes` and
    `cites` say that answers rest on knowledge that changes, or must name their sources. `climbs_all` goes on above the
    target.
    """

    base: str = DEFAULT_BASE
    rung_models: tuple[str, ...] = ()
    tuned: str | None = None
    tunes: bool | None = None
    documents: Path | None = None
    system: Path | None = None
    grader: str = "exact"
    target: float = 0.9
    examples: int = 5
    passages: int = 3
    source_key: str = "source"
    changes: bool = False
    cites: bool = False
    climbs_all: bool = False
    requests_per_month: int | None = None
    upfront_dollars: float = 0.0


def advise(
    data: Path | str,
    wish: AdviceWish = AdviceWish(),
    *,
    sampling: Sampling = Sampling(),
    engine: Engine | EngineKind = "torch",
    home: Home | None = None,
    progress: Progress = Progress(),
) -> Advice:
    """Climbs the ladder on the test rows of a folder or of a file, which is split, and recommends the lowest rung.

    The same call after a kill goes on where it was: answers, vectors and training steps are kept.
    Raises InvalidConfig for a target that is no pass rate, before anything is asked.
    """
    from luthier.advise.ladder import Climb, climb
    from luthier.advise.recommendation import find_objection
    from luthier.advise.workshop import Workshop
    from luthier.evaluation.cache import OutputCache
    from luthier.pipeline.freezing import freeze_splits
    from luthier.pipeline.grading import open_grading_tools

    if not 0 < wish.target < 1:
        raise InvalidConfig(f"the target must lie between 0 and 1, not {wish.target:g}", hint="0.9 means 90%")
    home = home or open_home()
    frozen = freeze_splits(home, data)
    models = list(dict.fromkeys([wish.base, *wish.rung_models]))
    fetch_bases([*models, *([wish.tuned] if wish.tuned else [])], home=home, progress=progress)
    with use_engine(engine, home, announce=progress.announce) as opened:
        tools = open_grading_tools(home, opened, progress=progress)
        materials = _gather_materials(frozen, wish, sampling, tools)
        _announce_test(materials.task, frozen, progress)
        workshop = Workshop(
            materials, _assemble_machinery(frozen, wish, sampling, engine=opened, home=home, progress=progress)
        )
        check = cache(lambda model: _check_contamination(model, materials, home))
        ascent = climb(
            workshop.plan(models, wish.base),
            materials.task,
            Climb(
                wish.target,
                takes_all=wish.climbs_all,
                is_eligible=lambda step: not find_objection(step, _read_needs(wish)),
                find_leaks=lambda rung: check(rung.model).lines,
            ),
            cache=OutputCache(home.path / "outputs"),
            on_rung=progress.start_stage,
            on_skipped=lambda skipped: progress.announce(f"left out: {skipped.reason}"),
            count_up=progress.count_up,
        )
        latencies = _measure_latencies(ascent, materials, progress)
        advice = _conclude(ascent, workshop, frozen, wish=wish, latencies=latencies, home=home)
        asked = dict.fromkeys(step.rung.model for step in ascent.steps)
        advice = replace(advice, notes=tuple(note for model in asked for note in check(model).notes))
    _keep(home, advice)
    return advice


def write_advice_page(advice: Advice, path: Path) -> None:
    """One HTML file that opens offline."""
    from luthier.advise.page import render_advice
    from luthier.store.files import write_atomic

    write_atomic(path, render_advice(advice))


def write_advice_markdown(advice: Advice, path: Path) -> None:
    """For a pull request or a wiki."""
    from luthier.advise.markdown import render_advice_markdown
    from luthier.store.files import write_atomic

    write_atomic(path, render_advice_markdown(advice))


def _gather_materials(frozen: Frozen, wish: AdviceWish, sampling: Sampling, tools: Tools) -> Materials:
    from luthier.advise.retrieval.corpus import read_corpus
    from luthier.advise.workshop import Materials
    from luthier.evaluation.graders.registry import parse_grader
    from luthier.evaluation.task import build_samples, build_task

    splits = frozen.splits
    return Materials(
        task=build_task(splits.test, parse_grader(wish.grader, tools=tools), sampling),
        train=splits.train,
        corpus=read_corpus(wish.documents) if wish.documents else None,
        timed=build_samples(splits.validation)[:TIMED_QUESTIONS],
        system=_read_system(wish.system) if wish.system else "",
        examples=wish.examples,
        passages=wish.passages,
        source_key=wish.source_key,
    )


def _read_system(path: Path) -> str:
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FileMissing(f"{path} cannot be read as text", hint="name a file with the instructions") from error
    if not text:
        raise FileMissing(f"{path} is empty", hint="write the instructions into it")
    return text


def _assemble_machinery(
    frozen: Frozen, wish: AdviceWish, sampling: Sampling, *, engine: Engine, home: Home, progress: Progress
) -> Machinery:
    from luthier.advise.workshop import Machinery
    from luthier.engine.remote.address import is_remote
    from luthier.models.embedding import MINILM
    from luthier.pipeline.embedding import TextEmbedder
    from luthier.pipeline.freezing import FOLDER, KeptEmbed
    from luthier.pipeline.ladder_machinery import build_room_finder, find_engine_of, tune_or_skip

    find_engine = find_engine_of(engine)
    for model in (wish.base, *wish.rung_models, *([wish.tuned] if wish.tuned else [])):
        if not is_remote(model):
            find_engine(model).identify(model)  # a wrong name ends it here, not after an hour of climbing
    train = partial(
        tune_or_skip,
        frozen.folder,
        base=wish.base,
        tunes=wish.tunes,
        good_rows=_count_good_rows(frozen),
        home=home,
        progress=progress,
    )
    tuned = wish.tuned
    return Machinery(
        find_engine=find_engine,
        find_room=build_room_finder(home, sampling),
        is_hosted=is_remote,
        embed=KeptEmbed(TextEmbedder(home), home.path / FOLDER / "vectors", MINILM.weights_sha256),
        tune=cache(train) if tuned is None else lambda: tuned,
    )


def _count_good_rows(frozen: Frozen) -> int:
    """Rows that ask different things; rows with errors are refused when they are read."""
    return len({example.prompt_fingerprint for example in frozen.splits.train.examples})


def _announce_test(task: EvalTask, frozen: Frozen, progress: Progress) -> None:
    from luthier.evaluation.wording import phrase_cases

    cases = phrase_cases(len(task.samples), "test case")
    progress.announce(f"measuring every rung on the same {cases}, kept in {frozen.folder}")


def _read_needs(wish: AdviceWish) -> Needs:
    from luthier.advise.recommendation import Needs

    return Needs(wish.target, changes=wish.changes, cites=wish.cites)


def _check_contamination(model: str, materials: Materials, home: Home) -> Contamination:
    """Which rows of the test stand in what the model was trained on, as they are or nearly so."""
    from luthier.evaluation.contamination import find_contamination
    from luthier.evaluation.training_rows import TrainingFile, find_lessons

    beside = TrainingFile(materials.train.path.name, materials.train.examples)
    return find_contamination(materials.task.samples, [find_lessons(home, model, read_beside=lambda: beside)])


def _measure_latencies(ascent: Ascent, materials: Materials, progress: Progress) -> dict[str, Latency]:
    """On questions outside the test: of those the engines still know what they have computed."""
    from luthier.evaluation.latency import measure_latency
    from luthier.evaluation.runner import Contestant

    if not ascent.steps or not materials.timed:
        return {}
    progress.start_stage("Time of an answer")
    task = replace(materials.task, samples=materials.timed)
    contestants = [Contestant(step.rung.engine, step.name) for step in ascent.steps]
    count = len(materials.timed)
    latencies = measure_latency(contestants, task, count=count, budget_seconds=TIMING_SECONDS)
    return {latency.model: latency for latency in latencies}


def _conclude(
    ascent: Ascent,
    workshop: Workshop,
    frozen: Frozen,
    *,
    wish: AdviceWish,
    latencies: dict[str, Latency],
    home: Home,
) -> Advice:
    from luthier.advise.advice import Advice
    from luthier.advise.break_even import reckon_break_even
    from luthier.advise.recommendation import recommend
    from luthier.evaluation.costs import estimate_cost

    hourly = home.settings.machine_dollars_per_hour
    costs = {step.name: estimate_cost(step.result, latencies.get(step.name), hourly) for step in ascent.steps}
    objections = recommend(ascent.steps, _read_needs(wish)).objections
    reckoning = reckon_break_even(
        ascent.steps, costs, _reckon(ascent, wish, hourly, home), objections=objections.keys()
    )
    return Advice(
        task=workshop.materials.task,
        frozen_at=str(frozen.folder),
        train_rows=len(frozen.splits.train.examples),
        good_rows=_count_good_rows(frozen),
        needs=_read_needs(wish),
        steps=ascent.steps,
        skipped=ascent.skipped,
        latencies=latencies,
        costs=costs,
        break_evens=reckoning.break_evens,
        break_even_gap=reckoning.gap,
        library=_describe_library(workshop.materials),
        recall=workshop.measure_recall(),
    )


def _reckon(ascent: Ascent, wish: AdviceWish, hourly: float, home: Home) -> Economics:
    from luthier.advise.break_even import Economics
    from luthier.advise.rungs import TRAINED
    from luthier.pipeline.ladder_machinery import find_training_seconds, list_prices

    tuned = [step.rung.model for step in ascent.steps if step.rung.technique in TRAINED]
    return Economics(
        machine_dollars_per_hour=hourly,
        upfront_dollars=wish.upfront_dollars,
        requests_per_month=wish.requests_per_month,
        training_seconds=find_training_seconds(home, tuned[0]) if tuned else None,
        listed=list_prices(home),
    )


def _describe_library(materials: Materials) -> Library | None:
    from luthier.advise.advice import Library

    corpus = materials.corpus
    if corpus is None:
        return None
    return Library(corpus.name, len(corpus.documents), len(corpus.passages), corpus.unread, corpus.fingerprint)


def _keep(home: Home, advice: Advice) -> None:
    """Among the reports, so that the uses of its test are counted."""
    from luthier.evaluation.archive import keep_report

    keep_report(home, advice)
