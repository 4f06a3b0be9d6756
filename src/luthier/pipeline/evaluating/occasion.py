"""What one evaluation works with: who sits the test, where, by which plan, and who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from luthier.engine.remote.address import is_remote
from luthier.evaluation.cache import OutputCache
from luthier.evaluation.runner import Contestant, run_evaluations

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.engine.protocol import Engine
    from luthier.evaluation.forgetting.benchmarks.question import Benchmark
    from luthier.evaluation.gates.settings import GateSettings
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.task import EvalTask
    from luthier.pipeline.evaluating.plan import EvalPlan
    from luthier.pipeline.progress import Progress
    from luthier.store.home import Home


class Occasion(NamedTuple):
    """`contestants` are one model, or two with the baseline first; `data` is what the user named."""

    home: Home
    data: Path
    plan: EvalPlan
    settings: GateSettings
    task: EvalTask
    contestants: tuple[Contestant, ...]
    progress: Progress
    benchmarks: tuple[Benchmark, ...] = ()

    @property
    def candidate(self) -> Contestant:
        return self.contestants[-1]

    @property
    def is_comparison(self) -> bool:
        return len(self.contestants) == 2

    @property
    def cluster_count(self) -> int | None:
        """None when every case stands alone."""
        return len({sample.cluster for sample in self.task.samples}) if self.plan.cluster else None

    @property
    def cache(self) -> OutputCache:
        return OutputCache(self.home.path / "outputs")


def find_engine(engine: Engine, model: str) -> Engine:
    """The one behind a router, which has all the powers that it has."""
    from luthier.engine.routing import RoutingEngine

    return engine.find(model) if isinstance(engine, RoutingEngine) else engine


def run_occasion(occasion: Occasion) -> tuple[ModelResult, ...]:
    """What was answered before is not asked again, so a run that was killed goes on where it was."""
    progress = occasion.progress
    counts = {each.model: progress.count_up(each.model, len(occasion.task.samples)) for each in occasion.contestants}
    results = run_evaluations(
        occasion.contestants,
        occasion.task,
        cache=occasion.cache,
        on_progress=lambda model, answered: counts[model](answered),
    )
    for contestant in occasion.contestants:
        for note in list_notes(contestant):
            progress.announce(note)
    return tuple(results)


def list_notes(contestant: Contestant) -> list[str]:
    """What there is to know about the answers of a hosted model."""
    if not is_remote(contestant.model):
        return []
    from luthier.engine.remote_engine import RemoteEngine

    engine = contestant.engine
    return engine.list_notes(contestant.model) if isinstance(engine, RemoteEngine) else []
