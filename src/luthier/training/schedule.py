"""Where in a run which examples and which learning rate belong: pure functions of the step."""

from __future__ import annotations

import math
import random
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luthier.training.config import TrainingConfig


def count_steps_per_epoch(examples: int, batch_size: int) -> int:
    """The last batch of an epoch may be smaller; no example is left out."""
    return math.ceil(examples / batch_size)


def scale_learning_rate(step: int, total_steps: int, warmup_fraction: float) -> float:
    """Factor on the peak for optimizer step 0, 1, …: a linear rise, then half a cosine that ends above zero."""
    warmup_steps = round(total_steps * warmup_fraction)
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * progress))


def choose_examples(step: int, examples: int, config: TrainingConfig) -> tuple[int, ...]:
    """Indices for one step. Each epoch is its own seeded shuffle, so a resumed run needs no memory of the order."""
    per_epoch = count_steps_per_epoch(examples, config.batch_size)
    epoch, place = divmod(step, per_epoch)
    order = _shuffle_epoch(examples, config.seed, epoch)
    return order[place * config.batch_size : (place + 1) * config.batch_size]


def choose_seed(step: int, seed: int, rank: int) -> int:
    """Of the random numbers that one process draws in one step: a resumed run needs no memory of them either."""
    return int.from_bytes(sha256(f"{seed}/{step}/{rank}".encode()).digest()[:7])


def is_validation_due(step: int, steps_per_epoch: int, config: TrainingConfig) -> bool:
    """After `step` finished steps: every `validation_steps`, or else in the middle and at the end of each epoch."""
    if config.validation_steps:
        return step % config.validation_steps == 0
    return step % steps_per_epoch in (0, math.ceil(steps_per_epoch / 2))


@lru_cache(maxsize=2)
def _shuffle_epoch(examples: int, seed: int, epoch: int) -> tuple[int, ...]:
    """Kept for as long as the epoch lasts: a million indices take a second to shuffle."""
    order = list(range(examples))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    return tuple(order)
