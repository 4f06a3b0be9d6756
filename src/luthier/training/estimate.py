"""A plan, a probe and a table of prices become what a run will cost in tokens, time, memory, disk and money."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from luthier.data.prices import JobPrice
    from luthier.training.config import TrainingConfig
    from luthier.training.ledger import SideRows
    from luthier.training.plan import Plan
    from luthier.training.probe import Probe

ADAPTER_BYTES, CHECKPOINT_BYTES = 4, 12
"""Of each trained parameter: a float32, and in a checkpoint beside it the two moments of AdamW."""

GROWTH = 1.5
"""On a CPU, 40 steps of SmolLM2 took so many times the memory of the first six: what the allocator and the kernels
keep for shapes that they have seen grows with the steps (docs/experiments.md)."""

CHECKPOINTS_AT_ONCE = 3
"""The latest, the best, and one that is being written."""


class SecondsRange(NamedTuple):
    """From the fastest to the slowest of the steps that were observed; `median` is the middle one's pace."""

    low: float
    median: float
    high: float


class Need(NamedTuple):
    """In bytes; `needed` is the least, seen on this machine if it is measured and else calculated."""

    needed: int
    free: int
    is_measured: bool

    @property
    def fits(self) -> bool:
        return self.needed <= self.free

    @property
    def is_tight(self) -> bool:
        return self.fits and self.needed * GROWTH > self.free


@dataclass(frozen=True)
class Estimate:
    """`tokens` and `trained_tokens` are those of all epochs together; `seconds` is None without a probe."""

    base: str
    sides: Mapping[str, SideRows]
    epochs: int
    batch_size: int
    steps: int
    seconds: SecondsRange | None
    probe: Probe | None
    memory: Need
    disk: Need
    prices: tuple[JobPrice, ...]

    @property
    def tokens(self) -> int:
        return self.sides["train"].tokens * self.epochs

    @property
    def trained_tokens(self) -> int:
        return self.sides["train"].trained_tokens * self.epochs

    def to_json(self) -> dict[str, Any]:
        return {
            "base": self.base,
            "splits": {side: rows.summarise() for side, rows in self.sides.items()},
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "steps": self.steps,
            "tokens": self.tokens,
            "trained_tokens": self.trained_tokens,
            "seconds": self.seconds._asdict() if self.seconds else None,
            "probe": self.probe.to_json() if self.probe else None,
            "memory": self.memory._asdict(),
            "disk": self.disk._asdict(),
            "prices": [price.to_json() for price in self.prices],
        }


def estimate_seconds(plan: Plan, config: TrainingConfig, probe: Probe) -> SecondsRange:
    """Loading, all steps, and a validation after each epoch; a step's time is taken as in line with its tokens."""
    rates = [step.seconds_per_token for step in probe.steps]
    train, validation = plan.ledger.train.tokens * config.epochs, plan.ledger.validation.tokens * config.epochs
    fixed = probe.load_seconds + validation * probe.validation_seconds_per_token
    return SecondsRange(*(fixed + train * rate for rate in (min(rates), median(rates), max(rates))))


def estimate_disk(trainable_parameters: int) -> int:
    """Bytes that a run's folder and its model take at most."""
    return trainable_parameters * (CHECKPOINTS_AT_ONCE * CHECKPOINT_BYTES + ADAPTER_BYTES)
