"""How much each family may lose, and what the losses of its items say to that: held, lost, or not to be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.stats.intervals import Interval
from luthier.stats.means import estimate_mean
from luthier.stats.non_inferiority import CONFIDENCE, check_rates, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.forgetting.finding import FamilyState
    from luthier.stats.non_inferiority import NonInferiority

STATES: dict[str, FamilyState] = {"holds": "ok", "broken": "degraded", "cannot_tell": "cannot_tell"}


@dataclass(frozen=True)
class Margins:
    """In the units of the families: nats per token, nats, and shares of answers.

    That of general texts is where instructions begin to be lost (docs/decisions/0023-forgetting.md). Where none is
    tolerated, one is too many; the other margins are above zero, for no number of items proves that nothing changed.
    """

    general_text: float = 0.25
    knowledge: float = 0.1
    instructions: float = 0.1
    behaviour: float = 0.1
    leakage: float = 0.0
    benchmarks: float = 0.05


DEFAULT_MARGINS = Margins()


class Loss(NamedTuple):
    """How much worse the candidate is, with a one-sided bound of 95 percent at each end of the interval."""

    measured: float
    interval: Interval
    state: FamilyState


def judge_losses(losses: Sequence[float], *, margin: float) -> Loss:
    """By Student's interval of the mean: the losses are of any size, and few are exactly none unless all are."""
    interval = estimate_mean(np.asarray(losses)).interval(confidence=CONFIDENCE)
    mean = float(np.mean(losses))
    return _turn(judge(-mean, Interval(-interval.high, -interval.low), margin=margin))


def judge_passes(baseline: Sequence[bool], candidate: Sequence[bool], *, margin: float) -> Loss:
    """Of the same items, each passed or not."""
    fixed = sum(after and not before for before, after in zip(baseline, candidate, strict=True))
    broken = sum(before and not after for before, after in zip(baseline, candidate, strict=True))
    return _turn(check_rates(fixed, broken, len(baseline), margin=margin))


def _turn(gain: NonInferiority) -> Loss:
    """A difference for the better becomes a loss."""
    # A zero that is turned round would be written as -0.0.
    ends = [0.0 - end for end in (gain.difference, gain.interval.high, gain.interval.low)]
    return Loss(ends[0], Interval(ends[1], ends[2]), STATES[gain.state])
