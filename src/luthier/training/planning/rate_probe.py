"""A few steps at each of several learning rates, from one start and on the run's own first batches, choose one of them.

In the manner of a learning-rate range test (https://arxiv.org/abs/1506.01186), but each rate has a run of its own that
cools down to zero and is judged by rows that it did not see. Few steps favour high rates, since the run has time to get
where a low one leads (https://thinkingmachines.ai/blog/lora/); so of those that do nearly as well as the best, the
lowest is taken, as the one-standard-error rule takes the simplest.
"""

from __future__ import annotations

import gc
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import torch

from luthier.errors import TrainingDiverged
from luthier.models.architecture import read_architecture
from luthier.models.loading import translate_memory_errors
from luthier.models.tuning import get_trained_state, set_trained_state
from luthier.training.learner import Learner
from luthier.training.objectives.goal import build_objective
from luthier.training.planning.choices import Choice
from luthier.training.planning.fitting import require_memory
from luthier.training.planning.memory import find_machine
from luthier.training.run import plan_order, prepare_model
from luthier.training.schedule import choose_examples, choose_seed, scale_learning_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.models.fetch import Announce
    from luthier.models.tuning import TrainedModel
    from luthier.tokens.pairs import Item
    from luthier.training.config import TrainingConfig
    from luthier.training.objectives.objective import Objective
    from luthier.training.plan import Plan
    from luthier.training.run import RunOrder

FACTORS = (0.1, 0.32, 1.0, 3.2, 10.0)
"""On the rate that the rule gives: half a power of ten apart, as far as such rules have been seen to err."""

NEARLY_AS_GOOD = 0.9
"""Of the best fall of the held-out loss."""

USUAL_STEPS, FEWEST_STEPS = 16, 4
WARMUP_FRACTION = 0.25
HELD_OUT_ROWS = 32
BUDGET_SECONDS = 180
"""For all rates together; fewer steps are taken where a step takes long."""


class Trial(NamedTuple):
    """`loss` is that of the held-out rows after the steps, per weight; None when the rate diverged."""

    rate: float
    loss: float | None


class RateProbe(NamedTuple):
    """`start_loss` is the held-out loss before any step. `rate` is None when no rate lowered it."""

    start_loss: float
    steps: int
    trials: tuple[Trial, ...]
    rate: float | None

    def explain(self) -> str:
        if self.rate is None:
            return f"no rate lowered the held-out loss of {self.start_loss:.3f} in {self.steps} steps: kept the rule's"
        losses = {trial.rate: trial.loss for trial in self.trials}
        told = ", ".join(f"{rate:g} to {_show(loss)}" for rate, loss in losses.items())
        return f"{self.steps} steps took the held-out loss from {self.start_loss:.3f} with {told}"

    def list_lines(self) -> list[str]:
        """A small table."""
        marks = {self.rate: "  chosen"}
        lines = [f"  {trial.rate:<14g}{_show(trial.loss)}{marks.get(trial.rate, '')}" for trial in self.trials]
        return ["  learning_rate  held-out loss", f"  {'(start)':14}{_show(self.start_loss)}", *lines]


def probe_order(order: RunOrder, *, announce: Announce) -> Choice:
    """Loads the base and tries rates on it; nothing of that is kept. Raises what would keep the run from starting."""
    plan = plan_order(order)
    require_memory(plan, read_architecture(order.base.folder), order.config, find_machine())
    batches, held_out = choose_probe_items(plan, order.config)
    with translate_memory_errors("probing learning rates"), TemporaryDirectory() as folder:
        prepared = prepare_model(order.base, order.config)
        items = dict.fromkeys(item for items in (*batches, held_out) for item in items)
        objective = build_objective(prepared, items, reference_path=Path(folder) / "reference", announce=announce)
        found = probe_rates(prepared.model, batches, held_out, prepared.config, objective=objective, announce=announce)
        del prepared, objective
    gc.collect()  # the model's parts point at one another, and would else wait for memory to run short
    for line in found.list_lines():
        announce(line)
    return Choice("learning_rate", found.rate or order.config.learning_rate, "probe", found.explain())


class _Parts(NamedTuple):
    """The held-out loss before any step, and how long a step and a measurement of it take."""

    start_loss: float
    step_seconds: float
    loss_seconds: float


def choose_probe_items(plan: Plan, config: TrainingConfig) -> tuple[list[list[Item]], list[Item]]:
    """The batches of the run's first steps, as many as there are up to the usual number, and rows to judge by."""
    steps = min(USUAL_STEPS, plan.total_steps)
    batches = [[plan.train[i] for i in choose_examples(step, len(plan.train), config)] for step in range(steps)]
    return batches, list(plan.validation[:HELD_OUT_ROWS])


def probe_rates(
    model: TrainedModel,
    batches: Sequence[Sequence[Item]],
    held_out: Sequence[Item],
    config: TrainingConfig,
    *,
    objective: Objective,
    announce: Announce,
    clock: Callable[[], float] = perf_counter,
) -> RateProbe:
    """Leaves the model as it was. `config.learning_rate` is the rule's; the rates tried lie around it."""
    start = {name: tensor.clone() for name, tensor in get_trained_state(model).items()}

    def take_steps(rate: float, steps: int) -> Learner | None:
        """From the start; nothing when the rate diverged."""
        set_trained_state(model, start)
        learner = Learner(model, config, objective=objective)
        try:
            for step, items in enumerate(batches[:steps]):
                torch.manual_seed(choose_seed(step, config.seed, 0))
                learner.take_step(items, learning_rate=rate * scale_learning_rate(step, steps, WARMUP_FRACTION))
        except TrainingDiverged:
            return None
        return learner

    def try_rate(rate: float, steps: int) -> Trial:
        learner = take_steps(rate, steps)
        return Trial(rate, _measure(learner, held_out) if learner else None)

    start_loss, step_seconds, loss_seconds = _time_parts(take_steps, held_out, config.learning_rate, clock=clock)
    steps = _count_steps(len(batches), step_seconds, loss_seconds)
    rates = sorted({min(1.0, float(f"{config.learning_rate * factor:.1g}")) for factor in FACTORS})
    seconds = len(rates) * (steps * step_seconds + loss_seconds)
    announce(f"probing {len(rates)} learning rates with {steps} steps each, about {seconds:.0f} seconds")
    trials = tuple(try_rate(rate, steps) for rate in rates)
    set_trained_state(model, start)
    return RateProbe(start_loss, steps, trials, choose_rate(start_loss, trials))


def choose_rate(start_loss: float, trials: Sequence[Trial]) -> float | None:
    """The lowest rate whose fall of the loss is nearly that of the best; None when none fell."""
    falls = {trial.rate: start_loss - trial.loss for trial in trials if trial.loss is not None}
    best = max(falls.values(), default=0.0)
    if best <= 0:
        return None
    return min(rate for rate, fall in falls.items() if fall >= NEARLY_AS_GOOD * best)


def _time_parts(
    take_steps: Callable[[float, int], Learner | None],
    held_out: Sequence[Item],
    rate: float,
    *,
    clock: Callable[[], float],
) -> _Parts:
    """The first step warms up; a rate of 0 leaves the loss where it is."""
    take_steps(rate, 1)
    started = clock()
    take_steps(rate, 1)
    step_seconds, learner = clock() - started, take_steps(0.0, 0)
    started = clock()
    loss = _measure(learner, held_out) if learner else None
    return _Parts(math.inf if loss is None else loss, max(1e-6, step_seconds), clock() - started)


def _measure(learner: Learner, items: Sequence[Item]) -> float | None:
    sums = learner.measure(items)
    loss = sums["loss"] / sums["weight"]
    return loss if math.isfinite(loss) else None


def _count_steps(batches: int, step_seconds: float, loss_seconds: float) -> int:
    affordable = int((BUDGET_SECONDS / len(FACTORS) - loss_seconds) / step_seconds)
    return min(batches, USUAL_STEPS, max(FEWEST_STEPS, affordable))


def _show(loss: float | None) -> str:
    return "divergence" if loss is None else f"{loss:.3f}"
