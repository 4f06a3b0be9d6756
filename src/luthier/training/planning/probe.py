"""A few real training steps on this machine tell how long and how much memory a run takes; nothing of them is kept."""

from __future__ import annotations

import gc
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import psutil

from luthier.models.loading import translate_memory_errors
from luthier.models.tuning import list_trained
from luthier.training.learner import Learner
from luthier.training.objectives.goal import build_objective
from luthier.training.planning.memory import watch_memory
from luthier.training.planning.workload import choose_longest_batch, count_work
from luthier.training.run import prepare_model
from luthier.training.schedule import choose_examples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.models.catalog import Base
    from luthier.tokens.pairs import Item
    from luthier.training.config import TrainingConfig
    from luthier.training.plan import Plan

BUDGET_SECONDS = 60
"""A step that would probably end later is not begun."""

QUIET_FRACTION = 0.5
"""Of the cores; above it a probe on two cores came out at half the speed of the run that followed."""

STEPS_LOOKED_AT = 25
"""Of the run's first, among which a typical one is sought."""

Kind = Literal["typical", "longest"]

ORDER: tuple[Kind, ...] = ("typical", "typical", "longest", "typical")
"""Of the steps; the first only warms up, and is counted when there is time for no other."""


class ProbedStep(NamedTuple):
    """An optimizer step: how many tokens it computed, counting what its rows share once, and in how many seconds."""

    kind: Kind
    tokens: int
    seconds: float

    @property
    def seconds_per_token(self) -> float:
        return self.seconds / self.tokens


@dataclass(frozen=True, slots=True)
class Probe:
    """`peak_bytes` is what training takes at its most beside what was in use, with the longest batch or without it.

    `load_fraction` is how busy other programs kept the cores in the minute before: 1 when they could use all of them.
    """

    steps: tuple[ProbedStep, ...]
    validation_seconds_per_token: float
    load_seconds: float
    peak_bytes: int
    trained_parameters: int
    load_fraction: float

    @property
    def is_disturbed(self) -> bool:
        return self.load_fraction > QUIET_FRACTION

    @property
    def saw_longest(self) -> bool:
        return any(step.kind == "longest" for step in self.steps)

    @property
    def tokens_per_second(self) -> float:
        return 1 / median(step.seconds_per_token for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "steps": [step._asdict() for step in self.steps]}


def probe_training(
    base: Base, plan: Plan, config: TrainingConfig, *, clock: Callable[[], float] = perf_counter
) -> Probe:
    """Steps of the run's own, with its weights, its batches and its settings. Raises OutOfMemory."""
    load_fraction = psutil.getloadavg()[0] / (psutil.cpu_count() or 1)
    started = clock()
    with translate_memory_errors("training"), watch_memory() as peak, TemporaryDirectory() as folder:
        prepared = prepare_model(base, config)
        load_seconds = clock() - started
        batches = _choose_batches(plan, config)
        held_out = plan.validation[: config.batch_size]
        items = dict.fromkeys(item for _, items in batches for item in items) | dict.fromkeys(held_out)
        objective = build_objective(prepared, items, reference_path=Path(folder) / "reference")
        learner = Learner(prepared.model, prepared.config, objective=objective)
        steps = _time_steps(learner, batches, prepared.config, deadline=started + BUDGET_SECONDS, clock=clock)
        validation_seconds_per_token = _time_validation(learner, held_out, prepared.config, clock=clock)
        parameters = sum(each.numel() for each in list_trained(prepared.model))
    del prepared, objective, learner
    gc.collect()  # the model's parts point at one another, and would else wait for memory to run short
    return Probe(tuple(steps), validation_seconds_per_token, load_seconds, peak.grown_bytes, parameters, load_fraction)


def choose_typical_batches(plan: Plan, config: TrainingConfig) -> list[list[Item]]:
    """Up to three of the run's first batches: those in the middle by their number of tokens."""
    looked_at = range(min(plan.total_steps, STEPS_LOOKED_AT))
    batches = [[plan.train[i] for i in choose_examples(step, len(plan.train), config)] for step in looked_at]
    middle = len(batches) // 2
    return sorted(batches, key=lambda batch: count_work(batch, config).computed_tokens)[max(0, middle - 1) : middle + 2]


def _choose_batches(plan: Plan, config: TrainingConfig) -> list[tuple[Kind, list[Item]]]:
    typical, longest = cycle(choose_typical_batches(plan, config)), choose_longest_batch(plan, config)
    return [(kind, longest if kind == "longest" else next(typical)) for kind in ORDER]


def _time_steps(
    learner: Learner,
    batches: Sequence[tuple[Kind, list[Item]]],
    config: TrainingConfig,
    *,
    deadline: float,
    clock: Callable[[], float],
) -> list[ProbedStep]:
    steps: list[ProbedStep] = []
    for kind, items in batches:
        tokens, started = count_work(items, config).computed_tokens, clock()
        if steps and started + tokens * steps[-1].seconds_per_token > deadline:
            continue
        learner.take_step(items, learning_rate=0.0)
        steps.append(ProbedStep(kind, tokens, clock() - started))
    return steps[1:] or steps


def _time_validation(
    learner: Learner, items: Sequence[Item], config: TrainingConfig, *, clock: Callable[[], float]
) -> float:
    started = clock()
    learner.measure(items)
    return (clock() - started) / count_work(items, config).computed_tokens
