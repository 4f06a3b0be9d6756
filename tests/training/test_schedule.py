"""Which examples and which learning rate a step gets."""

from __future__ import annotations

import random

import pytest

from luthier.training.config import TrainingConfig
from luthier.training.schedule import (
    choose_examples,
    choose_seed,
    count_steps_per_epoch,
    is_validation_due,
    scale_learning_rate,
)


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


def test_the_order_is_that_of_python_shuffled_by_seed_and_epoch() -> None:
    """Runs that were begun before go on with it."""
    config = TrainingConfig(batch_size=8, seed=5)
    order = list(range(20))
    random.Random("5/2").shuffle(order)
    assert [i for step in (6, 7, 8) for i in choose_examples(step, 20, config)] == order


@pytest.mark.parametrize(
    ("steps_per_epoch", "due"),
    [(1, [1, 2, 3, 4]), (2, [1, 2, 3, 4]), (3, [2, 3, 5, 6]), (4, [2, 4, 6, 8]), (5, [3, 5, 8, 10])],
)
def test_validations_fall_in_the_middle_and_at_the_end_of_an_epoch(steps_per_epoch: int, due: list[int]) -> None:
    config = TrainingConfig()
    assert [step for step in range(1, due[-1] + 1) if is_validation_due(step, steps_per_epoch, config)] == due


def test_a_number_of_steps_between_validations_knows_no_epochs() -> None:
    config = TrainingConfig(validation_steps=3)
    assert [step for step in range(1, 11) if is_validation_due(step, 4, config)] == [3, 6, 9]


def test_each_step_and_process_has_random_numbers_of_its_own() -> None:
    seeds = [choose_seed(step, seed, rank) for step in range(50) for seed in range(3) for rank in range(3)]
    assert len(set(seeds)) == len(seeds)
    assert choose_seed(7, 1, 0) == choose_seed(7, 1, 0)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_learning_rate_rises_and_falls_and_is_never_zero() -> None:
    factors = [scale_learning_rate(step, 100, 0.1) for step in range(100)]
    assert max(factors) == factors[10] == 1.0
    assert factors[:11] == sorted(factors[:11])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert min(factors) > 0


def test_a_single_step_is_taken_at_the_peak() -> None:
    assert scale_learning_rate(0, 1, 0.05) == 1.0
