"""Which steps' weights a run cannot end without."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.training.checkpoint import Progress
from luthier.training.config import TrainingConfig
from luthier.training.retention import find_kept_step, list_needed_steps, list_snapshot_steps
from luthier.training.watch import Record


def reach(step: int, *losses: float) -> Progress:
    """With a validation every ten steps."""
    record = Record()
    for number, loss in enumerate(losses, 1):
        record = record.add_step(1.0).add_validation(10 * number, loss)
    return Progress(4096, step=step, record=record)


@pytest.mark.parametrize(
    ("settings", "progress", "expected"),
    [
        ({}, reach(30, 0.5, 0.2, 0.3), 20),
        ({"keeps": "last"}, reach(30, 0.5, 0.2, 0.3), 30),
        ({}, reach(30), 30),
    ],
)
def test_the_kept_step_is_the_best_or_the_last(settings: dict[str, Any], progress: Progress, expected: int) -> None:
    assert find_kept_step(progress, TrainingConfig(**settings)) == expected


@pytest.mark.parametrize(("kept", "expected"), [(0, ()), (1, (20,)), (2, (10, 20)), (9, (10, 20))])
def test_snapshots_are_the_ends_of_the_epochs_before_the_last(kept: int, expected: tuple[int, ...]) -> None:
    assert list_snapshot_steps(10, TrainingConfig(epochs=3, kept_epochs=kept)) == expected


def test_needed_are_the_snapshots_so_far_and_what_would_be_kept_now() -> None:
    config = TrainingConfig(epochs=3, kept_epochs=2)
    assert list_needed_steps(reach(17, 0.5), 10, config) == {10}
    assert list_needed_steps(reach(25, 0.5, 0.6), 10, config) == {10, 20}
    assert list_needed_steps(reach(25), 10, config) == {10, 20, 25}
