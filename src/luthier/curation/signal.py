"""A signal says of every row how likely it is spoilt, by one measure alone; all signals together give a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

SUSPECT = 0.5
"""A row with this suspicion or more is more likely spoilt than sound."""

TELLING = 0.2
"""A signal that adds less than this says nothing to a person who asks why."""


class Signal(NamedTuple):
    """`weight` is how far the signal convinces when it is sure, chosen by hand.

    It lies below the share of spoilt rows among those the signal was sure about, where benchmarks/bench_curate.py
    could measure one, and below 0.5 where it could not: such a signal never makes a row suspect alone.
    """

    name: str
    measures: str
    source: str
    weight: float


@dataclass(frozen=True)
class Scores:
    """One entry for each row. `values` are as measured, NaN where the signal does not apply.

    `suspicions` are in [0, 1], and 0 where nothing speaks against the row. `reasons` are clauses, empty for no
    suspicion.
    """

    signal: Signal
    values: Numbers
    suspicions: Numbers
    reasons: Sequence[str]


class Blame(NamedTuple):
    """Why a row is suspect: `share` is the signal's weighted suspicion."""

    signal: str
    share: float
    reason: str


def combine_scores(scores: Sequence[Scores], count: int) -> Numbers:
    """How likely each of `count` rows is spoilt: 1 - Π (1 - weight · suspicion), a noisy or (Pearl 1988, 4.3.2).

    One sure signal is enough, several weak ones add up, and no signal can clear a row.
    """
    sound = np.ones(count)
    for score in scores:
        sound *= 1 - score.signal.weight * score.suspicions
    return 1 - sound


def find_blame(scores: Sequence[Scores], row: int) -> list[Blame]:
    """The signals that speak against a row, the strongest first."""
    blame = [
        Blame(score.signal.name, float(score.signal.weight * score.suspicions[row]), score.reasons[row])
        for score in scores
    ]
    return sorted((entry for entry in blame if entry.share >= TELLING), key=lambda entry: (-entry.share, entry.signal))


def ramp(values: Numbers, low: float, high: float) -> Numbers:
    """0 up to `low`, 1 from `high` on, a straight line between; 0 for NaN."""
    return np.nan_to_num(np.clip((values - low) / (high - low), 0.0, 1.0))
