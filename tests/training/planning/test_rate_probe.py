"""Of several rates from one start the lowest that does nearly as well as the best is chosen; the model stays as is."""

from __future__ import annotations

import math
from itertools import count
from typing import TYPE_CHECKING

import pytest
import torch

from luthier.models.tuning import get_trained_state, list_trained
from luthier.training.config import TrainingConfig
from luthier.training.objectives.goal import build_objective
from luthier.training.plan import plan_run
from luthier.training.planning.rate_probe import (
    BUDGET_SECONDS,
    FACTORS,
    FEWEST_STEPS,
    USUAL_STEPS,
    RateProbe,
    Trial,
    choose_probe_items,
    choose_rate,
    probe_order,
    probe_rates,
)
from luthier.training.run import RunOrder, Trainable, prepare_model
from luthier.training.schedule import choose_examples
from tests.support.chats import make_dataset, make_splits
from tests.support.preferences import make_preference_splits
from tests.support.tiny import build_template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from luthier.models.catalog import Base
    from luthier.models.tuning import TrainableModel
    from luthier.tokens.pairs import Item
    from luthier.training.objectives.objective import Objective, StepSums
    from luthier.training.plan import Plan

STEPS = 6
CONFIG = TrainingConfig(r=4, batch_size=4, precision="float32", learning_rate=0.03)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_run(build_template(), make_dataset(40), make_dataset(8), CONFIG, context_length=1024)


@pytest.fixture
def prepared(tiny_base: Base) -> Trainable:
    return prepare_model(tiny_base, CONFIG)


def run_probe(
    prepared: Trainable,
    plan: Plan,
    folder: Path,
    *,
    config: TrainingConfig = CONFIG,
    clock: Callable[[], float] = lambda: 0.0,
    wrap: Callable[[Objective], Objective] = lambda objective: objective,
) -> RateProbe:
    """Six steps, which are enough for so small a model."""
    batches, held_out = choose_probe_items(plan, config)
    objective = wrap(build_objective(prepared, [*plan.train, *held_out], reference_path=folder / "reference"))
    return probe_rates(
        prepared.model, batches[:STEPS], held_out, config, objective=objective, announce=print, clock=clock
    )


class Fragile:
    """A loss that is no number once the adapter's weights are large, as one is that has overflowed."""

    def __init__(self, objective: Objective) -> None:
        self.measure = objective.measure
        self.shares_prefixes = objective.shares_prefixes
        self._sum_loss = objective.sum_loss

    def sum_loss(self, model: TrainableModel, items: Sequence[Item]) -> StepSums:
        largest = max(float(parameter.abs().max()) for parameter in list_trained(model))
        sums = self._sum_loss(model, items)
        return sums._replace(loss=sums.loss * (math.nan if largest > 0.5 else 1.0))


@pytest.mark.parametrize(
    ("losses", "chosen"),
    [
        ([1.9, 1.5, 1.1, 1.05, 3.0], 3),
        ([1.9, 1.05, 1.01, 1.0, None], 2),
        ([None, None, None, None, 1.9], 5),
        ([2.0, 2.1, 3.0, None, None], None),
        ([None] * 5, None),
        ([math.inf, 1.9, math.inf, 1.2, 1.2], 4),
    ],
)
def test_the_lowest_rate_that_is_nearly_the_best_is_chosen(losses: list[float | None], chosen: int | None) -> None:
    trials = [Trial(rate, loss) for rate, loss in enumerate(losses, start=1)]
    assert choose_rate(2.0, trials) == chosen


def test_rates_far_apart_are_tried_and_a_good_one_found(prepared: Trainable, plan: Plan, tmp_path: Path) -> None:
    found = run_probe(prepared, plan, tmp_path)
    assert [trial.rate for trial in found.trials] == [0.003, 0.01, 0.03, 0.1, 0.3]
    losses = {trial.rate: trial.loss for trial in found.trials}
    assert found.steps == STEPS
    assert losses[0.003] < found.start_loss
    assert losses[found.rate] < 0.9 * losses[0.003]
    assert found.explain().startswith("6 steps took the held-out loss from ")
    assert sum("chosen" in line for line in found.list_lines()) == 1
    assert len(found.list_lines()) == 2 + len(FACTORS)


def test_the_model_is_left_as_it_was_and_each_rate_starts_from_there(
    prepared: Trainable, plan: Plan, tmp_path: Path
) -> None:
    before = {name: tensor.clone() for name, tensor in get_trained_state(prepared.model).items()}
    first = run_probe(prepared, plan, tmp_path)
    after = get_trained_state(prepared.model)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert run_probe(prepared, plan, tmp_path) == first


def test_a_rate_that_diverges_is_said_to_and_not_chosen(prepared: Trainable, plan: Plan, tmp_path: Path) -> None:
    high = CONFIG.model_copy(update={"learning_rate": 1.0})
    found = run_probe(prepared, plan, tmp_path, config=high, wrap=Fragile)
    assert [trial.rate for trial in found.trials] == [0.1, 0.3, 1.0]
    assert found.trials[-1].loss is None
    assert found.rate == 0.1
    assert "1 to divergence" in found.explain()


def test_a_slow_machine_takes_fewer_steps(prepared: Trainable, plan: Plan, tmp_path: Path) -> None:
    ticks = count(step=BUDGET_SECONDS // 10)
    assert run_probe(prepared, plan, tmp_path, clock=lambda: float(next(ticks))).steps == FEWEST_STEPS


def test_the_runs_own_first_batches_are_used(plan: Plan) -> None:
    batches, held_out = choose_probe_items(plan, CONFIG)
    assert batches == [[plan.train[i] for i in choose_examples(step, 40, CONFIG)] for step in range(USUAL_STEPS)]
    assert held_out == list(plan.validation)


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_an_order_is_probed_for_its_own_method(tiny_base: Base, method: str) -> None:
    splits = make_splits(30) if method == "sft" else make_preference_splits(30)
    config = CONFIG.model_copy(update={"method": method})
    told: list[str] = []
    choice = probe_order(RunOrder("mine", tiny_base, splits, config), announce=told.append)
    assert (choice.name, choice.source) == ("learning_rate", "probe")
    assert choice.value in [0.003, 0.01, 0.03, 0.1, 0.3]
    assert any(line.startswith("probing 5 learning rates with") for line in told)
    assert any(line.endswith("chosen") for line in told)
