"""A plan, a probe and a table of prices become what a run will cost in tokens, time, memory, disk and money."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.data.prices import price_job
from luthier.training.schedule import is_validation_due

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from luthier.data.prices import JobPrice, Price
    from luthier.training.config import TrainingConfig
    from luthier.training.ledger import SideRows
    from luthier.training.plan import Plan
    from luthier.training.planning.choices import Choice
    from luthier.training.planning.footprint import Footprint
    from luthier.training.planning.probe import Probe
    from luthier.training.planning.workload import Workload

CHECKPOINT_BYTES = 12
"""Of each trained number in a checkpoint: a float32, and the two moments of AdamW."""

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
    """`tokens` and `trained_tokens` are those of all epochs together; `seconds` is None without a probe.

    `footprint` is what the memory goes to, calculated from below. `choices` say where the settings came from, `advice`
    which of them will probably disappoint. Without `prices` nobody asked for them.
    """

    base: str
    sides: Mapping[str, SideRows]
    epochs: int
    batch_size: int
    steps: int
    workload: Workload
    seconds: SecondsRange | None
    probe: Probe | None
    memory: Need
    footprint: Footprint
    disk: Need
    choices: tuple[Choice, ...] = ()
    advice: tuple[str, ...] = ()
    prices: tuple[JobPrice, ...] = ()

    @property
    def tokens(self) -> int:
        return self.sides["train"].tokens * self.epochs

    @property
    def trained_tokens(self) -> int:
        return self.sides["train"].trained_tokens * self.epochs

    def with_advice(self, advice: tuple[str, ...]) -> Estimate:
        return replace(self, advice=advice)

    def with_prices(self, table: Sequence[Price], *, today: date) -> Estimate:
        """What others ask for the same job; they count each token of each row, as often as it is seen."""
        validation_tokens = self.sides["validation"].tokens
        jobs = price_job(table, training_tokens=self.tokens, validation_tokens=validation_tokens, today=today)
        return replace(self, prices=jobs)

    def to_json(self) -> dict[str, Any]:
        return {
            "base": self.base,
            "settings": [choice._asdict() for choice in self.choices],
            "warnings": list(self.advice),
            "splits": {side: rows.summarise() for side, rows in self.sides.items()},
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "steps": self.steps,
            "tokens": self.tokens,
            "trained_tokens": self.trained_tokens,
            "computed_tokens": self.workload.computed_tokens,
            "seconds": self.seconds._asdict() if self.seconds else None,
            "probe": self.probe.to_json() if self.probe else None,
            "memory": {**self.memory._asdict(), "parts": self.footprint._asdict()},
            "disk": self.disk._asdict(),
            "prices": [price.to_json() for price in self.prices],
        }


def estimate_seconds(
    plan: Plan, config: TrainingConfig, probe: Probe, *, workload: Workload, validation_tokens: int
) -> SecondsRange:
    """Loading, all steps and all validations, in line with the tokens that they compute.

    dpo first asks the base what it thinks of each pair. `validation_tokens` are those of one validation.
    """
    rates = [step.seconds_per_token for step in probe.steps]
    measured = count_validations(plan, config) * validation_tokens
    if config.method == "dpo":
        measured += validation_tokens + workload.computed_tokens // config.epochs
    fixed = probe.load_seconds + measured * probe.validation_seconds_per_token
    return SecondsRange(*(fixed + workload.computed_tokens * rate for rate in (min(rates), median(rates), max(rates))))


def count_validations(plan: Plan, config: TrainingConfig) -> int:
    """One is always made at the end, if there is anything to validate with."""
    if not plan.validation:
        return 0
    last = plan.total_steps
    return 1 + sum(is_validation_due(step, plan.steps_per_epoch, config) for step in range(1, last))


def estimate_disk(trained_parameters: int, *, saved_bytes: int) -> int:
    """Bytes that a run's folder and its model take at most; `saved_bytes` is the model's."""
    return trained_parameters * CHECKPOINTS_AT_ONCE * CHECKPOINT_BYTES + saved_bytes
