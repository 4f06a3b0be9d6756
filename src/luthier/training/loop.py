"""The training loop: a plan and a model with an adapter go in, a trained adapter stays in the model."""

from __future__ import annotations

import math
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import torch

from luthier.errors import RunInterrupted, TrainingDiverged
from luthier.tokens.packing import pack_examples, split_by_tokens
from luthier.training.events import RunStarted, StepDone, Validated
from luthier.training.objectives import sum_answer_loss
from luthier.training.schedule import choose_examples, scale_learning_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peft import PeftModel

    from luthier.tokens.encode import EncodedExample
    from luthier.training.checkpoint import Checkpoints, Progress
    from luthier.training.config import TrainingConfig
    from luthier.training.events import Observer
    from luthier.training.plan import Plan


class StepResult(NamedTuple):
    """`loss` in nats per target token, `grad_norm` before clipping."""

    loss: float
    grad_norm: float


def train_adapter(
    model: PeftModel,
    plan: Plan,
    config: TrainingConfig,
    *,
    checkpoints: Checkpoints,
    observe: Observer,
    is_stop_wanted: Callable[[], bool],
) -> Progress:
    """Leaves the adapter with the lowest validation loss in the model.

    Raises RunInterrupted after a checkpoint when a stop is wanted, TrainingDiverged when the loss is not a number.
    """
    optimizer = build_optimizer(model, config)
    progress = checkpoints.restore(model, optimizer)
    observe(RunStarted(progress.step, plan.total_steps))
    while progress.step < plan.total_steps:
        started = perf_counter()
        examples = [plan.train[i] for i in choose_examples(progress.step, len(plan.train), config)]
        learning_rate = config.learning_rate * scale_learning_rate(
            progress.step, plan.total_steps, config.warmup_fraction
        )
        result = take_step(model, optimizer, examples, config, learning_rate=learning_rate)
        tokens, seconds = sum(len(example.ids) for example in examples), perf_counter() - started
        progress = replace(
            progress,
            step=progress.step + 1,
            tokens=progress.tokens + tokens,
            seconds=progress.seconds + seconds,
        )
        observe(
            StepDone(
                step=progress.step,
                total_steps=plan.total_steps,
                epoch=progress.step / plan.steps_per_epoch,
                loss=result.loss,
                learning_rate=learning_rate,
                grad_norm=result.grad_norm,
                tokens=tokens,
                seconds=seconds,
            )
        )
        is_epoch_end = progress.step % plan.steps_per_epoch == 0
        if is_epoch_end:
            progress = validate(model, plan, config, progress=progress, observe=observe)
        is_stopping = is_stop_wanted() and progress.step < plan.total_steps
        if is_epoch_end or is_stopping or progress.step % config.checkpoint_steps == 0:
            checkpoints.save(model, optimizer, progress)
        if is_stopping:
            raise RunInterrupted(
                f"stopped after step {progress.step} of {plan.total_steps}",
                hint="run the same command again to go on from there",
            )
    checkpoints.restore_adapter(model, progress.best_step)
    return progress


def build_optimizer(model: PeftModel, config: TrainingConfig) -> torch.optim.Optimizer:
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(trainable, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)


def take_step(
    model: PeftModel,
    optimizer: torch.optim.Optimizer,
    examples: Sequence[EncodedExample],
    config: TrainingConfig,
    *,
    learning_rate: float,
) -> StepResult:
    """One optimizer step over all the examples, however many batches they need: the mean is over the step's targets.

    Raises TrainingDiverged before a loss or gradient that is not finite can reach the weights.
    """
    model.train()
    loss = accumulate_gradients(model, examples, token_budget=config.micro_batch_tokens)
    trainable = optimizer.param_groups[0]["params"]
    grad_norm = torch.nn.utils.clip_grad_norm_(trainable, config.max_grad_norm)
    _require_finite(loss + float(grad_norm), "loss or gradient of a step", config)
    optimizer.param_groups[0]["lr"] = learning_rate
    optimizer.step()
    optimizer.zero_grad()
    return StepResult(loss, float(grad_norm))


def accumulate_gradients(model: PeftModel, examples: Sequence[EncodedExample], *, token_budget: int) -> float:
    """Adds the gradient of the mean loss per target, in batches of at most `token_budget` tokens; returns that mean."""
    target_count = sum(example.target_count for example in examples)
    total = torch.zeros((), device=model.device)
    for group in split_by_tokens(examples, token_budget):
        loss = sum_answer_loss(model, pack_examples(group).to(model.device)) / target_count
        loss.backward()
        total += loss.detach()
    return float(total)


@torch.no_grad()
def compute_mean_loss(model: PeftModel, examples: Sequence[EncodedExample], *, token_budget: int) -> float:
    """Nats per target token, with dropout off."""
    model.eval()
    total = torch.zeros((), device=model.device)
    for group in split_by_tokens(examples, token_budget):
        total += sum_answer_loss(model, pack_examples(group).to(model.device))
    return float(total) / sum(example.target_count for example in examples)


def validate(
    model: PeftModel, plan: Plan, config: TrainingConfig, *, progress: Progress, observe: Observer
) -> Progress:
    loss = compute_mean_loss(model, plan.validation, token_budget=config.micro_batch_tokens)
    _require_finite(loss, "validation loss", config)
    is_best = loss < progress.best_loss
    observe(Validated(progress.step, loss, is_best))
    return replace(progress, best_step=progress.step, best_loss=loss) if is_best else progress


def _require_finite(value: float, what: str, config: TrainingConfig) -> None:
    if not math.isfinite(value):
        hint = f"use a lower learning rate, such as --set learning_rate={config.learning_rate / 5:.1g}"
        raise TrainingDiverged(f"the {what} is not a finite number", hint=hint)
