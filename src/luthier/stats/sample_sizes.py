"""How scores spread, or how often models disagree, becomes the number of cases that an effect or a guardrail needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtrc, nctdtr, ndtri, stdtrit

from luthier.stats.non_inferiority import score_statistic
from luthier.stats.power import GAIN_TOLERANCE, binomial_mass, check_fractions, likely_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MOST_CASES = 10_000_000


def detectable_mean_gain(total: int, *, deviation: float, power: float = 0.8, alpha: float = 0.05) -> float | None:
    """The smallest mean gain that `total` cases show with chance `power` when the differences of single cases have this
    standard deviation; None for fewer than two cases. Raises ValueError for impossible arguments.

    By the paired t test, which sign flips equal as soon as there are a dozen cases that changed.
    """
    check_deviation(deviation, power, alpha)
    if total < 2:
        return None
    low, high = 0.0, deviation
    while chance_of_gain(high, total, deviation, alpha) < power:
        low, high = high, 2 * high
    while high - low > GAIN_TOLERANCE * deviation:
        middle = (low + high) / 2
        if chance_of_gain(middle, total, deviation, alpha) < power:
            low = middle
        else:
            high = middle
    return high


def cases_for_mean_gain(gain: float, *, deviation: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Enough cases to show a mean `gain` with chance `power`, while one fewer is not."""
    check_deviation(deviation, power, alpha)
    if gain <= 0:
        raise ValueError(f"the gain must be positive, not {gain}")
    return find_fewest(lambda total: total > 1 and chance_of_gain(gain, total, deviation, alpha) >= power)


def cases_for_non_inferiority(
    margin: float, *, changed_fraction: float, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Enough cases for a guardrail on a pass rate to hold with chance `power` when there is no loss, but this fraction
    of the cases changes all the same, half of them each way. `alpha` is one-sided.

    Raises ValueError for a margin outside (0, 1) or for an impossible fraction.
    """
    check_fractions(changed_fraction, power, alpha)
    if not 0 < margin < 1:
        raise ValueError(f"the margin must lie between 0 and 1, not {margin}")
    return find_fewest(lambda total: chance_to_hold(margin, total, changed_fraction, alpha) >= power)


def chance_of_gain(gain: float, total: int, deviation: float, alpha: float) -> float:
    limit = stdtrit(total - 1, 1 - alpha / 2)
    return float(1 - nctdtr(total - 1, gain * np.sqrt(total) / deviation, limit))


def chance_to_hold(margin: float, total: int, changed_fraction: float, alpha: float) -> float:
    changed = likely_counts(total, changed_fraction)
    mass = binomial_mass(changed, total, changed_fraction)
    return float(np.sum(mass * bdtrc(fewest_fixed(changed, total, margin, alpha) - 1, changed, 0.5)))


def fewest_fixed(changed: NDArray[np.int64], total: int, margin: float, alpha: float) -> NDArray[np.int64]:
    """How many of the changed cases must be fixed for the guardrail to hold; more than there are if none would do."""
    z = float(ndtri(1 - alpha))
    low, high = np.full_like(changed, -1), changed + 1
    while np.any(high - low > 1):
        middle = np.clip((low + high) // 2, 0, changed)
        holds = (score_statistic(middle, changed - middle, total, -margin) >= z) & (high - low > 1)
        low, high = np.where((high - low > 1) & ~holds, middle, low), np.where(holds, middle, high)
    return high


def find_fewest(is_enough: Callable[[int], bool]) -> int:
    low, high = 0, 1
    while not is_enough(high):
        low, high = high, 2 * high
        if high > MOST_CASES:
            raise ValueError(f"more than {MOST_CASES} cases would be needed")
    while high - low > 1:
        middle = (low + high) // 2
        if is_enough(middle):
            high = middle
        else:
            low = middle
    return high


def check_deviation(deviation: float, power: float, alpha: float) -> None:
    check_fractions(0.0, power, alpha)
    if not deviation > 0:
        raise ValueError(f"a standard deviation must be positive, not {deviation}")
