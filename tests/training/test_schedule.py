"""Which examples and which learning rate a step gets."""

from __future__ import annotations

import pytest

from luthier.training.config import TrainingConfig
from luthier.training.schedule import choose_examples, count_steps_per_epoch, scale_learning_rate


@pytest.mark.parametrize(("examples", "batch_size"), [(20, 8), (16, 8), (3, 8), (7, 1)])
def test_each_epoch_takes_every_example_once(examples: int, batch_size: int) -> None:
    config = TrainingConfig(batch_size=batch_size)
    steps = count_steps_per_epoch(examples, batch_size)
    for epoch in range(3):
        chosen = [i for step in range(steps) for i in choose_examples(epoch * steps + step, examples, config)]
        assert sorted(chosen) == list(range(examples))


def test_the_order_changes_with_epoch_and_seed_and_with_nothing_else() -> None:
    config = TrainingConfig(batch_size=20)
    first = choose_examples(0, 20, config)
    assert first == choose_examples(0, 20, config)
    assert first != choose_examples(1, 20, config)
    assert first != choose_examples(0, 20, TrainingConfig(batch_size=20, seed=1))


def test_the_learning_rate_rises_and_falls_and_is_never_zero() -> None:
    factors = [scale_learning_rate(step, 100, 0.1) for step in range(100)]
    assert max(factors) == factors[10] == 1.0
    assert factors[:11] == sorted(factors[:11])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert min(factors) > 0


def test_a_single_step_is_taken_at_the_peak() -> None:
    assert scale_learning_rate(0, 1, 0.05) == 1.0
