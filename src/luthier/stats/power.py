"""A number of test cases becomes the smallest gain that they can show; a gain, the cases that it needs.

Both answers are for the exact McNemar test that the report runs, by binomial sums rather than by simulation.
"""

from __future__ import annotations

from math import floor, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtr, bdtrc, betaln, xlog1py, xlogy

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAIN_TOLERANCE = 1e-5  # a thousandth of a point, far below what a report prints


def minimum_detectable_gain(
    total: int, *, broken_fraction: float = 0.0, power: float = 0.8, alpha: float = 0.05
) -> float | None:
    """The smallest net gain, as a fraction of all cases, that `total` cases show with chance `power`.

    `broken_fraction` of the cases get worse anyway and have to be outweighed. None when no gain would do:
    even without a broken case the test needs 6 that are fixed. Raises ValueError for an impossible fraction.
    """
    check_fractions(broken_fraction, power, alpha)
    if total < 0:
        raise ValueError(f"the number of cases cannot be negative: {total}")
    low, high = 0.0, 1 - 2 * broken_fraction
    if high <= 0 or _chance_to_show(high, total, broken_fraction, alpha) < power:
        return None
    # One more fixed case never turns a significant result around, so the chance grows with the gain.
    while high - low > GAIN_TOLERANCE:
        middle = (low + high) / 2
        if _chance_to_show(middle, total, broken_fraction, alpha) < power:
            low = middle
        else:
            high = middle
    return high


def cases_needed(gain: float, *, broken_fraction: float = 0.0, power: float = 0.8, alpha: float = 0.05) -> int:
    """A number of cases that shows a net `gain`, a fraction, with chance `power`, while one fewer does not.

    The chance rises with the number of cases in small saw teeth, as for every exact test.
    Raises ValueError for a gain that is not positive, or that leaves no room for the broken cases.
    """
    check_fractions(broken_fraction, power, alpha)
    largest = 1 - 2 * broken_fraction
    if not 0 < gain <= largest:
        raise ValueError(f"the gain must lie in (0, {largest:.4g}], not {gain}")
    low, high = 0, 1
    while _chance_to_show(gain, high, broken_fraction, alpha) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _chance_to_show(gain, middle, broken_fraction, alpha) < power:
            low = middle
        else:
            high = middle
    return high


def _chance_to_show(gain: float, total: int, broken_fraction: float, alpha: float) -> float:
    """The chance that McNemar's test is significant in favour of the candidate."""
    changed_fraction = gain + 2 * broken_fraction
    if changed_fraction == 0:
        return 0.0
    changed = likely_counts(total, changed_fraction)
    mass = binomial_mass(changed, total, changed_fraction)
    fixed_share = (gain + broken_fraction) / changed_fraction
    is_shown = bdtrc(_fewest_fixed(changed, alpha) - 1, changed, fixed_share)
    return float(np.sum(mass * is_shown))


def likely_counts(total: int, fraction: float) -> NDArray[np.int64]:
    """Every count within ten standard deviations; all others together weigh less than rounding does."""
    centre, reach = total * fraction, 10 * sqrt(total * fraction * (1 - fraction)) + 10
    return np.arange(max(0, floor(centre - reach)), min(total, floor(centre + reach)) + 1)


def binomial_mass(count: NDArray[np.int64], total: int, fraction: float) -> NDArray[np.float64]:
    log_ways = -betaln(total - count + 1, count + 1) - np.log1p(total)
    mass: NDArray[np.float64] = np.exp(log_ways + xlogy(count, fraction) + xlog1py(total - count, -fraction))
    return mass


def _fewest_fixed(changed: NDArray[np.int64], alpha: float) -> NDArray[np.int64]:
    """How many of the changed cases must be fixed for p <= alpha; more than there are if none would do."""
    most_broken = np.full_like(changed, -1)  # -1 always does: it stands for "not even with none broken"
    limit = changed // 2
    while np.any(most_broken < limit):
        middle = (most_broken + limit + 1) // 2
        is_significant = (middle < 0) | (2 * bdtr(middle, changed, 0.5) <= alpha)
        most_broken = np.where(is_significant, middle, most_broken)
        limit = np.where(is_significant, limit, middle - 1)
    return changed - most_broken


def check_fractions(broken_fraction: float, power: float, alpha: float) -> None:
    if not 0 <= broken_fraction < 1:
        raise ValueError(f"broken_fraction must lie in [0, 1), not {broken_fraction}")
    if not (0 < power < 1 and 0 < alpha < 1):
        raise ValueError(f"power and alpha must lie between 0 and 1, not {power} and {alpha}")
