"""Where in a run which examples and which learning rate belong: pure functions of the step."""

from __future__ import annotations

import math
import random
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


def choose_examples(step: int, examples: int, config: TrainingConfig) -> list[int]:
    """Indices for one step. Each epoch is its own seeded shuffle, so a resumed run needs no memory of the order."""
    per_epoch = count_steps_per_epoch(examples, config.batch_size)
    epoch, place = divmod(step, per_epoch)
    order = list(range(examples))
    random.Random(f"{config.seed}/{epoch}").shuffle(order)
    return order[place * config.batch_size : (place + 1) * config.batch_size]
