"""What the losses of a run say about it: which step is best, whether to stop, and whether it learns by heart.

A record of losses goes in and sentences or errors come out. It is kept with each checkpoint, so that a resumed run
judges as if it had never stopped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.errors import TrainingDiverged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from luthier.training.config import TrainingConfig
    from luthier.training.method import Method

STEPS_OF_START = 8
"""The first steps of a run, whose mean loss is its start."""

STEPS_IN_A_ROW = 8
"""Each of the last steps has to be far above the start: noise puts one of them there now and then, not eight."""

LEAST_RISE, RISE_FRACTION, SPREADS = 1.0, 0.5, 3
"""What counts as far above a start: a nat, half of the start, or three standard deviations of its steps, whichever is
most. A test plays noisy runs that learn, of which none is stopped."""

OVERFIT_FRACTION = 0.01
"""Of the best validation loss: a smaller rise may as well be rounding."""

MEANS = {
    "sft": {
        "exact_answer_fraction": ("exact_answers", "answers"),
        "right_token_fraction": ("right_tokens", "weight"),
    },
    "dpo": {
        "right_order_fraction": ("right_orders", "weight"),
        "mean_margin": ("margin", "weight"),
    },
}
"""What a validation tells besides its loss, by method: one of the objective's sums divided by another."""

SUMS = ("loss", "weight", "exact_answers", "answers", "right_tokens", "right_orders", "margin")
"""All that any objective sums up. A fixed list, because a process that has no item still has to add its zeros."""


class Judged(NamedTuple):
    """A validation, and the mean training loss of the steps since the one before it."""

    step: int
    loss: float
    training_loss: float


@dataclass(frozen=True, slots=True)
class Record:
    """The losses of a run as far as something follows from them."""

    first: tuple[float, ...] = ()
    last: tuple[float, ...] = ()
    since_judged: tuple[float, int] = (0.0, 0)
    judged: tuple[Judged, ...] = ()

    @property
    def best(self) -> Judged | None:
        """The first of the lowest validation losses."""
        return min(self.judged, key=lambda each: each.loss, default=None)

    @property
    def is_best(self) -> bool:
        """Whether the latest validation is better than all before it."""
        return bool(self.judged) and self.judged[-1] == self.best

    def add_step(self, loss: float) -> Record:
        total, count = self.since_judged
        return replace(
            self,
            first=self.first if len(self.first) == STEPS_OF_START else (*self.first, loss),
            last=(*self.last, loss)[-STEPS_IN_A_ROW:],
            since_judged=(total + loss, count + 1),
        )

    def add_validation(self, step: int, loss: float) -> Record:
        total, count = self.since_judged
        return replace(self, since_judged=(0.0, 0), judged=(*self.judged, Judged(step, loss, total / count)))

    def is_exhausted(self, patience: int | None) -> bool:
        """Whether as many validations in a row as `patience` brought nothing better."""
        if patience is None or self.best is None:
            return False
        return len(self.judged) - 1 - self.judged.index(self.best) >= patience


def restore_record(kept: Mapping[str, Any]) -> Record:
    """From its fields as JSON gives them back."""
    return Record(
        first=tuple(kept["first"]),
        last=tuple(kept["last"]),
        since_judged=(kept["since_judged"][0], kept["since_judged"][1]),
        judged=tuple(Judged(*each) for each in kept["judged"]),
    )


def divide_sums(sums: Mapping[str, float], config: TrainingConfig) -> dict[str, float]:
    return {name: sums[top] / sums[bottom] for name, (top, bottom) in MEANS[config.method].items()}


def describe_overfit(record: Record, kept_step: int) -> str:
    """A sentence when the run went on to learn its rows by heart, else nothing."""
    best, last = record.best, record.judged[-1] if record.judged else None
    if best is None or last is None:
        return ""
    if last.loss <= best.loss * (1 + OVERFIT_FRACTION) or last.training_loss >= best.training_loss:
        return ""
    better = "" if kept_step == best.step else f", although step {best.step} was better"
    return f"validation loss rose from step {best.step} while training loss fell: kept step {kept_step}{better}"


def require_finite(value: float, what: str, config: TrainingConfig) -> None:
    """Raises TrainingDiverged."""
    if not math.isfinite(value):
        raise TrainingDiverged(f"the {what} is not a finite number", hint=_advise_lower(config))


def find_chance(method: Method, vocabulary_size: int) -> float:
    """The loss of who knows nothing, in nats: all tokens equally likely, or of a pair either answer."""
    return math.log(2 if method == "dpo" else vocabulary_size)


def require_steady(record: Record, step: int, config: TrainingConfig, *, chance: float) -> None:
    """Raises TrainingDiverged when each of the last steps cost far more than the first ones did, or than chance does.

    Chance is for runs that are lost within their first steps, which then say nothing about the start.
    """
    if len(record.last) < STEPS_IN_A_ROW:
        return
    bound = _add_rise(max(chance, record.first[0]))
    if len(record.first) == STEPS_OF_START:
        bound = min(bound, _add_rise(fmean(record.first), spread=stdev(record.first)))
    if min(record.last) > bound:
        raise TrainingDiverged(
            f"the loss of steps {step - STEPS_IN_A_ROW + 1} to {step} is {fmean(record.last):.2f} on average, "
            f"far above the {record.first[0]:.2f} of the first one",
            hint=_advise_lower(config),
        )


def _add_rise(start: float, *, spread: float = 0.0) -> float:
    return start + max(LEAST_RISE, RISE_FRACTION * start, SPREADS * spread)


def _advise_lower(config: TrainingConfig) -> str:
    return f"use a lower learning rate, such as --set learning_rate={config.learning_rate / 5:.1g}"
