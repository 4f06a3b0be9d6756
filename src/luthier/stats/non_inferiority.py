"""Pairs of one guarded quality and a margin become a claim: not worse by more than that, surely worse, or unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.special import ndtri

from luthier.stats.intervals import Interval
from luthier.stats.means import paired_mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

NonInferiorityState = Literal["holds", "broken", "cannot_tell"]

CONFIDENCE = 0.90
"""Each end of such an interval is a one-sided bound of 95 percent."""
PRECISION = 1e-9


class NonInferiority(NamedTuple):
    """`interval.low` is the one-sided 95 percent bound of the difference, which holds when it is -`margin` or more."""

    difference: float
    interval: Interval
    margin: float
    state: NonInferiorityState


def check_rates(fixed: int, broken: int, total: int, *, margin: float) -> NonInferiority:
    """Of pass rates. Raises ValueError for impossible counts or a margin outside (0, 1)."""
    return judge(
        (fixed - broken) / max(total, 1), score_interval(fixed, broken, total, confidence=CONFIDENCE), margin=margin
    )


def check_means(
    differences: NDArray[np.float64], clusters: NDArray[np.int64] | None = None, *, margin: float
) -> NonInferiority:
    """Of differences in [-1, 1]: scores, or passed and failed in clusters."""
    interval = paired_mean_interval(differences, clusters, confidence=CONFIDENCE)
    return judge(float(differences.mean()), interval, margin=margin)


def judge(difference: float, interval: Interval, *, margin: float) -> NonInferiority:
    """An interval with its margin on a scale of its own may be judged too."""
    if margin <= 0:
        raise ValueError(f"a margin must be positive, not {margin}")
    state: NonInferiorityState = "cannot_tell"
    if interval.low >= -margin:
        state = "holds"
    elif interval.high < -margin:
        state = "broken"
    return NonInferiority(difference, interval, margin, state)


def score_interval(fixed: int, broken: int, total: int, *, confidence: float) -> Interval:
    """All gains, in [-1, 1], that a score test does not reject.

    Chosen for guardrails in place of Bonett and Price's, which lets through nearly twice too many models that are worse
    by just the margin. Source: Tango, Statistics in Medicine 17 (1998), 891-908.
    """
    if total < 1 or min(fixed, broken) < 0 or fixed + broken > total:
        raise ValueError(f"{fixed} + {broken} cases do not fit in {total}")
    z = float(ndtri(0.5 + confidence / 2))
    observed = (fixed - broken) / total
    low = find_end(lambda gain: bool(score_statistic(fixed, broken, total, gain) <= z), observed, -1.0)
    high = find_end(lambda gain: bool(score_statistic(fixed, broken, total, gain) >= -z), observed, 1.0)
    return Interval(low, high)


def find_end(is_believable: Callable[[float], bool], inside: float, outside: float) -> float:
    if is_believable(outside):
        return outside
    while abs(outside - inside) > PRECISION:
        middle = (inside + outside) / 2
        if is_believable(middle):
            inside = middle
        else:
            outside = middle
    return inside


def score_statistic(fixed: ArrayLike, broken: ArrayLike, total: int, gain: float) -> NDArray[np.float64]:
    """How many standard deviations the observed gain lies above `gain`, with the variance that `gain` implies."""
    up, down = np.asarray(fixed, dtype=np.float64), np.asarray(broken, dtype=np.float64)
    distance = up - down - total * gain
    # The likeliest broken fraction if the truth were `gain` is the larger root of a quadratic.
    linear = -up - down + (2 * total - up + down) * gain
    root = np.sqrt(np.maximum(linear**2 + 8 * total * down * gain * (1 - gain), 0.0))
    variance = total * ((root - linear) / (2 * total) + gain * (1 - gain))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic: NDArray[np.float64] = np.where(distance == 0, 0.0, distance / np.sqrt(np.maximum(variance, 0.0)))
    return statistic
