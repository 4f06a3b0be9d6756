"""What the record of a run's losses says: the best step, when to stop, and what to tell the user."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from random import Random

import pytest

from luthier.errors import TrainingDiverged
from luthier.training.config import TrainingConfig
from luthier.training.watch import (
    MEANS,
    STEPS_IN_A_ROW,
    SUMS,
    Record,
    describe_overfit,
    divide_sums,
    find_chance,
    require_finite,
    require_steady,
    restore_record,
)

CONFIG = TrainingConfig(learning_rate=1e-3)
CHANCE = find_chance("sft", 49_152)


def build_record(*judged: tuple[float, float]) -> Record:
    """Ten steps before each validation, all with the same training loss: `(training_loss, validation_loss)`."""
    record = Record()
    for count, (training_loss, loss) in enumerate(judged, 1):
        for _ in range(10):
            record = record.add_step(training_loss)
        record = record.add_validation(10 * count, loss)
    return record


def find_divergence(losses: list[float], *, chance: float = CHANCE) -> int | None:
    """The step at which the run would be stopped."""
    record = Record()
    for step, loss in enumerate(losses, 1):
        record = record.add_step(loss)
        try:
            require_steady(record, step, CONFIG, chance=chance)
        except TrainingDiverged:
            return step
    return None


def test_the_best_validation_is_the_first_of_the_lowest() -> None:
    record = build_record((2.0, 1.5), (1.0, 1.2), (0.9, 1.2), (0.8, 1.3))
    assert (record.best.step, record.best.loss, record.best.training_loss) == (20, 1.2, 1.0)
    assert not record.is_best
    assert build_record((2.0, 1.5), (1.0, 1.2)).is_best


def test_a_run_without_a_validation_has_no_best() -> None:
    assert Record().best is None
    assert not Record().is_best
    assert not Record().is_exhausted(1)


def test_patience_counts_validations_since_the_best_one() -> None:
    record = build_record((2.0, 1.5), (1.0, 1.2), (0.9, 1.3), (0.8, 1.25))
    assert [record.is_exhausted(patience) for patience in (1, 2, 3, None)] == [True, True, False, False]
    assert not build_record((2.0, 1.5)).is_exhausted(1)


def test_learning_by_heart_is_told_with_the_step_that_is_kept() -> None:
    record = build_record((2.0, 1.5), (1.0, 1.2), (0.5, 1.3), (0.2, 1.6))
    rise = "validation loss rose from step 20 while training loss fell"
    assert describe_overfit(record, 20) == f"{rise}: kept step 20"
    assert describe_overfit(record, 40) == f"{rise}: kept step 40, although step 20 was better"


@pytest.mark.parametrize(
    "judged",
    [
        [(2.0, 1.5), (1.0, 1.2)],  # still getting better
        [(2.0, 1.5), (1.0, 1.2), (0.9, 1.205)],  # flat
        [(2.0, 1.5), (1.0, 1.2), (1.4, 1.6)],  # the training loss rose as well
        [],
    ],
)
def test_what_is_no_overfit_is_not_called_so(judged: list[tuple[float, float]]) -> None:
    assert describe_overfit(build_record(*judged), 0) == ""


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_ends_the_run_with_a_lower_learning_rate(value: float) -> None:
    with pytest.raises(TrainingDiverged, match="the loss of step 3 is not a finite number") as caught:
        require_finite(value, "loss of step 3", CONFIG)
    assert "learning_rate=0.0002" in caught.value.hint


def test_a_loss_that_stays_far_above_its_start_ends_the_run_with_cause_and_remedy() -> None:
    record = Record()
    losses = [2.1, 2.0, 1.9, 2.0, 2.2, 1.8, 2.0, 2.0, 2.4, 3.0, *[7.5] * 8]
    for loss in losses:
        record = record.add_step(loss)
    with pytest.raises(TrainingDiverged) as caught:
        require_steady(record, len(losses), CONFIG, chance=CHANCE)
    assert caught.value.message == (
        "the loss of steps 11 to 18 is 7.50 on average, far above the 2.10 of the first one"
    )
    assert "learning_rate=0.0002" in caught.value.hint
    assert find_divergence(losses[:-1]) is None


def test_a_run_that_is_lost_in_its_first_steps_is_noticed_too() -> None:
    """Its start is no measure, but it is worse than guessing."""
    assert find_divergence([2.0, 30.0, *[40.0] * 20]) == 1 + STEPS_IN_A_ROW


def test_a_preference_run_is_measured_against_a_guess_between_two() -> None:
    chance = find_chance("dpo", 49_152)
    assert chance == pytest.approx(0.6931, abs=1e-4)
    assert find_divergence([0.69, *[5.0] * 20], chance=chance) == 1 + STEPS_IN_A_ROW
    assert find_divergence([0.69, *[0.9] * 20], chance=chance) is None


def test_a_spike_that_passes_ends_nothing() -> None:
    assert find_divergence([2.0] * 10 + [9.0] * (STEPS_IN_A_ROW - 1) + [2.0] * 20 + [9.0] * 3 + [1.5] * 20) is None


def test_no_noisy_run_that_learns_is_stopped() -> None:
    """Batches of one row whose losses are spread as wide as those of short and long answers, and learn slowly."""
    dice = Random(0)
    for _ in range(100):
        start, spread = dice.uniform(0.1, 6.0), dice.uniform(0.1, 1.0)
        losses = [start * 0.995**step * dice.lognormvariate(0, spread) for step in range(100)]
        assert find_divergence(losses) is None


def test_runs_whose_loss_climbs_to_chance_are_stopped() -> None:
    dice = Random(1)
    for _ in range(50):
        start = dice.uniform(0.5, 4.0)
        climb = [start + (CHANCE - start) * min(1.0, step / 40) for step in range(-10, 90)]
        losses = [max(start, level) * dice.lognormvariate(0, 0.1) for level in climb]
        assert find_divergence(losses) is not None


def test_a_record_comes_back_from_json_as_it_was() -> None:
    record = build_record((2.0, 1.5), (1.0, 1.2)).add_step(0.7)
    kept = restore_record(json.loads(json.dumps(asdict(record))))
    assert kept == record
    assert kept.add_step(0.5).add_validation(23, 1.0) == record.add_step(0.5).add_validation(23, 1.0)


def test_sums_become_the_means_of_their_method() -> None:
    sums = {"loss": 6.0, "weight": 12.0, "exact_answers": 3.0, "answers": 4.0, "right_tokens": 9.0}
    sums |= {"right_orders": 6.0, "margin": -3.0}
    assert divide_sums(sums, CONFIG) == {"exact_answer_fraction": 0.75, "right_token_fraction": 0.75}
    preference = CONFIG.model_copy(update={"method": "dpo"})
    assert divide_sums(sums, preference) == {"right_order_fraction": 0.5, "mean_margin": -0.25}


def test_every_mean_is_made_of_sums_that_all_processes_add_up() -> None:
    assert {name for means in MEANS.values() for pair in means.values() for name in pair} <= set(SUMS)
