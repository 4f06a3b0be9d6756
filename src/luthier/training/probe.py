"""A few real training steps on this machine tell how long and how much memory a run takes; nothing of them is kept."""

from __future__ import annotations

import gc
from dataclasses import asdict, dataclass
from itertools import cycle
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import psutil

from luthier.models.loading import translate_memory_errors
from luthier.training.loop import build_optimizer, compute_mean_loss, take_step
from luthier.training.memory import watch_memory
from luthier.training.run import prepare_model
from luthier.training.schedule import choose_examples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.models.catalog import Base
    from luthier.tokens.encode import EncodedExample
    from luthier.training.config import TrainingConfig
    from luthier.training.plan import Plan
    from luthier.training.run import Trainable

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
    """An optimizer step: how many tokens it computed, and in how many seconds."""

    kind: Kind
    tokens: int
    seconds: float

    @property
    def seconds_per_token(self) -> float:
        return self.seconds / self.tokens


@dataclass(frozen=True, slots=True)
class Probe:
    """`peak_bytes` is what training takes at its most, with the longest batch in `steps` or without it.

    `load_fraction` is how busy other programs kept the cores in the minute before: 1 when they could use all of them.
    """

    steps: tuple[ProbedStep, ...]
    validation_seconds_per_token: float
    load_seconds: float
    peak_bytes: int
    trainable_parameters: int
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
    """Steps of the run's own, with its adapter, its batches and its settings. Raises OutOfMemory."""
    load_fraction = psutil.getloadavg()[0] / (psutil.cpu_count() or 1)
    started = clock()
    with translate_memory_errors("training"), watch_memory() as peak:
        trainable = prepare_model(base, config)
        load_seconds = clock() - started
        steps = _time_steps(trainable, plan, deadline=started + BUDGET_SECONDS, clock=clock)
        validation_seconds_per_token = _time_validation(trainable, plan, clock=clock)
        parameters = sum(each.numel() for each in trainable.model.parameters() if each.requires_grad)
    del trainable
    gc.collect()  # the model's parts point at one another, and would else wait for memory to run short
    return Probe(tuple(steps), validation_seconds_per_token, load_seconds, peak.bytes, parameters, load_fraction)


def choose_typical_batches(plan: Plan, config: TrainingConfig) -> list[list[EncodedExample]]:
    """Up to three of the run's first batches: those in the middle by their number of tokens."""
    looked_at = range(min(plan.total_steps, STEPS_LOOKED_AT))
    batches = [[plan.train[i] for i in choose_examples(step, len(plan.train), config)] for step in looked_at]
    middle = len(batches) // 2
    return sorted(batches, key=_count_tokens)[max(0, middle - 1) : middle + 2]


def choose_longest_batch(plan: Plan, config: TrainingConfig) -> list[EncodedExample]:
    """The longest rows together: no batch of the run can need more memory."""
    return sorted(plan.train, key=lambda example: len(example.ids), reverse=True)[: config.batch_size]


def _time_steps(trainable: Trainable, plan: Plan, *, deadline: float, clock: Callable[[], float]) -> list[ProbedStep]:
    _, model, config = trainable
    optimizer = build_optimizer(model, config)
    typical = cycle(choose_typical_batches(plan, config))
    longest = choose_longest_batch(plan, config)
    steps: list[ProbedStep] = []
    for kind in ORDER:
        examples = longest if kind == "longest" else next(typical)
        tokens, started = _count_tokens(examples), clock()
        if steps and started + tokens * steps[-1].seconds_per_token > deadline:
            continue
        take_step(model, optimizer, examples, config, learning_rate=0.0)
        steps.append(ProbedStep(kind, tokens, clock() - started))
    return steps[1:] or steps


def _time_validation(trainable: Trainable, plan: Plan, *, clock: Callable[[], float]) -> float:
    _, model, config = trainable
    examples = plan.validation[: config.batch_size]
    started = clock()
    compute_mean_loss(model, examples, token_budget=config.micro_batch_tokens)
    return (clock() - started) / _count_tokens(examples)


def _count_tokens(examples: Sequence[EncodedExample]) -> int:
    return sum(len(example.ids) for example in examples)
