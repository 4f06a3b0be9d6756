"""The training loop: a plan and a model go in, and those weights of the way that are to be kept stay in the model."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from luthier.errors import RunInterrupted
from luthier.training.allocator import STEPS_BETWEEN, give_back_memory
from luthier.training.checkpoint import take_snapshot
from luthier.training.events import Notice, RunEnded, RunStarted, Saved, StepDone, Validated
from luthier.training.learner import Learner
from luthier.training.retention import find_kept_step, list_snapshot_steps
from luthier.training.schedule import choose_examples, choose_seed, is_validation_due, scale_learning_rate
from luthier.training.watch import describe_overfit, divide_sums, find_chance, require_finite, require_steady

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.models.tuning import TrainedModel
    from luthier.training.checkpoint import Checkpoints, Progress
    from luthier.training.config import TrainingConfig
    from luthier.training.events import Observer
    from luthier.training.objectives.objective import Objective
    from luthier.training.plan import Plan
    from luthier.training.processes.group import Group


def train(
    model: TrainedModel,
    plan: Plan,
    config: TrainingConfig,
    *,
    objective: Objective,
    group: Group,
    checkpoints: Checkpoints,
    observe: Observer,
    is_stop_wanted: Callable[[], bool],
) -> Progress:
    """Goes on from the latest checkpoint, and leaves the weights in the model that the settings keep.

    Raises RunInterrupted after a checkpoint when a stop is wanted, TrainingDiverged when the loss is lost, OutOfMemory
    when a single row is too much.
    """
    learner = Learner(model, config, objective=objective, group=group)
    snapshots = list_snapshot_steps(plan.steps_per_epoch, config)
    chance = find_chance(config.method, model.config.get_text_config().vocab_size)
    progress = _resume(learner, plan, checkpoints, observe)
    while not _is_over(progress, plan, config):
        items = [plan.train[i] for i in choose_examples(progress.step, len(plan.train), config)]
        torch.manual_seed(choose_seed(progress.step, config.seed, group.rank))
        learning_rate = config.learning_rate * scale_learning_rate(
            progress.step, plan.total_steps, config.warmup_fraction
        )
        started = perf_counter()
        result = learner.take_step(items, learning_rate=learning_rate)
        done = StepDone(
            step=progress.step + 1,
            total_steps=plan.total_steps,
            epoch=(progress.step + 1) / plan.steps_per_epoch,
            loss=result.loss,
            right_fraction=result.right_fraction,
            learning_rate=learning_rate,
            grad_norm=result.grad_norm,
            tokens=sum(item.token_count for item in items),
            seconds=perf_counter() - started,
        )
        progress = _follow_budget(learner, _count_step(progress, done), observe)
        observe(done)
        if done.step % STEPS_BETWEEN == 0:
            give_back_memory()
        require_steady(progress.record, progress.step, config, chance=chance)
        is_end = progress.step == plan.total_steps
        is_judged = bool(plan.validation) and (is_end or is_validation_due(progress.step, plan.steps_per_epoch, config))
        if is_judged:
            progress = _validate(learner, plan, config, progress=progress, observe=observe)
        is_stopping = group.agree(is_stop_wanted()) and not _is_over(progress, plan, config)
        is_best = is_judged and progress.record.is_best and config.keeps == "best"
        is_worth_keeping = _is_over(progress, plan, config) or is_best or progress.step in snapshots
        if is_worth_keeping or is_stopping or progress.step % config.checkpoint_steps == 0:
            _save(learner, progress, checkpoints)
            observe(Saved(progress.step))
        if is_stopping:
            raise RunInterrupted(f"stopped after step {progress.step} of {plan.total_steps}")
    checkpoints.restore_weights(model, find_kept_step(progress, config))
    _tell_end(progress, plan, config, observe=observe)
    return progress


def _is_over(progress: Progress, plan: Plan, config: TrainingConfig) -> bool:
    return progress.step >= plan.total_steps or progress.record.is_exhausted(config.patience)


def _resume(learner: Learner, plan: Plan, checkpoints: Checkpoints, observe: Observer) -> Progress:
    restored = checkpoints.restore(learner)
    learner.group.wait()
    if learner.group.is_main:
        checkpoints.drop_after(restored.progress.step)
    observe(RunStarted(restored.progress.step, plan.total_steps))
    for remark in restored.remarks:
        observe(Notice(restored.progress.step, remark))
    return restored.progress


def _count_step(progress: Progress, done: StepDone) -> Progress:
    return replace(
        progress,
        step=done.step,
        tokens=progress.tokens + done.tokens,
        seconds=progress.seconds + done.seconds,
        record=progress.record.add_step(done.loss),
    )


def _follow_budget(learner: Learner, progress: Progress, observe: Observer) -> Progress:
    """Says so when memory has turned out to hold less at once than was asked of it."""
    if learner.token_budget < progress.token_budget:
        message = f"out of memory: from now on at most {learner.token_budget} tokens are computed at once"
        observe(Notice(progress.step, message))
    return replace(progress, token_budget=learner.token_budget)


def _validate(
    learner: Learner, plan: Plan, config: TrainingConfig, *, progress: Progress, observe: Observer
) -> Progress:
    sums = learner.measure(plan.validation)
    loss = sums["loss"] / sums["weight"]
    require_finite(loss, "validation loss", config)
    record = progress.record.add_validation(progress.step, loss)
    progress = _follow_budget(learner, replace(progress, record=record), observe)
    observe(Validated(progress.step, loss, record.is_best, divide_sums(sums, config)))
    return progress


def _save(learner: Learner, progress: Progress, checkpoints: Checkpoints) -> None:
    """All processes take part in the snapshot, and none goes on before it lies on the disk."""
    snapshot = take_snapshot(learner, progress)
    if learner.group.is_main:
        checkpoints.save(snapshot)
    learner.group.wait()


def _tell_end(progress: Progress, plan: Plan, config: TrainingConfig, *, observe: Observer) -> None:
    if progress.step < plan.total_steps:
        count = config.patience
        message = f"stopped early after step {progress.step}: no better validation loss in the last {count} validations"
        observe(Notice(progress.step, message))
    kept_step = find_kept_step(progress, config)
    if overfit := describe_overfit(progress.record, kept_step):
        observe(Notice(progress.step, overfit))
    judged = [each.loss for each in progress.record.judged if each.step == kept_step]
    observe(RunEnded(progress.step, kept_step, judged[0] if judged else None))
