"""A probe takes real steps and leaves nothing behind; the clock is a counter, so that seconds are known."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
import torch

from luthier.models.architecture import read_architecture
from luthier.training.config import TrainingConfig
from luthier.training.plan import plan_run
from luthier.training.planning import probe as module
from luthier.training.planning.probe import choose_typical_batches, probe_training
from luthier.training.planning.workload import choose_longest_batch, count_work
from luthier.training.schedule import choose_examples
from tests.support.chats import make_dataset
from tests.support.preferences import make_preferences
from tests.support.tiny import build_template

if TYPE_CHECKING:
    from luthier.models.catalog import Base
    from luthier.training.plan import Plan

CONFIG = TrainingConfig(r=2, batch_size=4, precision="float32")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_run(build_template(), make_dataset(40), make_dataset(6), CONFIG, context_length=1024)


def test_typical_and_longest_batches_are_probed_and_the_warm_up_is_not_counted(tiny_base: Base, plan: Plan) -> None:
    ticks = count()
    probe = probe_training(tiny_base, plan, CONFIG, clock=lambda: float(next(ticks)))
    assert [step.kind for step in probe.steps] == ["typical", "longest", "typical"]
    assert {step.seconds for step in probe.steps} == {1.0}
    assert probe.saw_longest
    assert probe.steps[1].tokens == count_work(choose_longest_batch(plan, CONFIG), CONFIG).computed_tokens
    assert probe.tokens_per_second == pytest.approx(probe.steps[0].tokens)
    assert (probe.load_seconds, probe.peak_bytes > 0) == (1.0, True)


def test_what_is_trained_is_counted(tiny_base: Base, plan: Plan) -> None:
    probe = probe_training(tiny_base, plan, CONFIG)
    architecture = read_architecture(tiny_base.folder)
    assert probe.trained_parameters == architecture.count_adapter_parameters(2, "all-linear")
    full = CONFIG.model_copy(update={"tuning": "full"})
    assert probe_training(tiny_base, plan, full).trained_parameters == architecture.parameters


def test_pairs_are_probed_with_the_loss_that_will_train_them(tiny_base: Base) -> None:
    config = TrainingConfig(method="dpo", r=2, batch_size=4, precision="float32")
    pairs = plan_run(build_template(), make_preferences(12), make_preferences(4), config, context_length=1024)
    probe = probe_training(tiny_base, pairs, config)
    assert probe.saw_longest
    assert probe.validation_seconds_per_token > 0


def test_a_slow_machine_is_not_kept_busy_beyond_the_budget(tiny_base: Base, plan: Plan) -> None:
    """The clock moves half a budget at each look, so there is time for one step alone."""
    ticks = count(step=module.BUDGET_SECONDS // 2)
    probe = probe_training(tiny_base, plan, CONFIG, clock=lambda: float(next(ticks)))
    assert len(probe.steps) == 1
    assert not probe.saw_longest


def test_typical_batches_are_among_the_runs_own(plan: Plan) -> None:
    batches = choose_typical_batches(plan, CONFIG)
    assert len(batches) == 3
    own = [[plan.train[i] for i in choose_examples(step, 40, CONFIG)] for step in range(plan.total_steps)]
    assert all(batch in own for batch in batches)
    tokens = [count_work(batch, CONFIG).computed_tokens for batch in own]
    assert min(tokens) <= count_work(batches[1], CONFIG).computed_tokens <= max(tokens)


def test_one_step_is_enough_for_a_typical_batch() -> None:
    config = TrainingConfig(epochs=1, batch_size=100)
    tiny = plan_run(build_template(), make_dataset(5), make_dataset(2), config, context_length=1024)
    assert [len(batch) for batch in choose_typical_batches(tiny, config)] == [5]


def test_a_probe_changes_no_random_number_of_a_run(tiny_base: Base, plan: Plan) -> None:
    """A run seeds itself when its adapter is made, so what a probe before it draws cannot matter."""
    probe_training(tiny_base, plan, CONFIG)
    torch.rand(3)
    first = module.prepare_model(tiny_base, CONFIG).model.state_dict()
    probe_training(tiny_base, plan, CONFIG)
    second = module.prepare_model(tiny_base, CONFIG).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
