"""Which weights of a run stay: its settings and how far it is become the steps whose checkpoints it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luthier.training.checkpoint import Progress
    from luthier.training.config import TrainingConfig


def find_kept_step(progress: Progress, config: TrainingConfig) -> int:
    """The step whose weights become the model if the run ends now."""
    return progress.best_step or progress.step if config.keeps == "best" else progress.step


def list_snapshot_steps(steps_per_epoch: int, config: TrainingConfig) -> tuple[int, ...]:
    """The ends of the epochs that leave a model of their own: the last ones before the last."""
    first = max(1, config.epochs - config.kept_epochs)
    return tuple(epoch * steps_per_epoch for epoch in range(first, config.epochs))


def list_needed_steps(progress: Progress, steps_per_epoch: int, config: TrainingConfig) -> frozenset[int]:
    """The steps up to this one whose weights the run may still end with."""
    snapshots = {step for step in list_snapshot_steps(steps_per_epoch, config) if step <= progress.step}
    return frozenset(snapshots | {find_kept_step(progress, config)})
