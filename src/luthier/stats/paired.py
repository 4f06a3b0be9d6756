"""Cases on which two models disagree become a p-value: could luck alone have moved so many, so far, one way?"""

from __future__ import annotations

from math import ceil, exp, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtr

from luthier.stats.means import check_values, sum_clusters

if TYPE_CHECKING:
    from numpy.typing import NDArray

FINENESS = (2520, 840, 420, 120, 60)
"""Parts into which the largest difference is divided. They can be divided by many numbers, as scores are."""
MOST_WORK = 5e5  # cosines, some ten milliseconds
DEVIATIONS = 9  # beyond so many lies less than 1e-17 of the sum of flipped differences
NEGLIGIBLE = 1e-25  # times the length of any transform here it is far below rounding
ROUNDING = 1e-10  # far above the error of a Fourier transform, far below any p-value that is printed


def mcnemar_exact(fixed: int, broken: int) -> float:
    """The exact two-sided McNemar p-value; 1.0 when no case changed. Raises ValueError for negative counts.

    Cases that both models pass, or both fail, say nothing and are left out: were the models equally good,
    each case that changed would be a fair coin. The smallest significant result is 6 fixed and none broken.
    Source: McNemar, Psychometrika 12 (1947), 153-157, with the binomial in place of chi-squared.
    """
    if min(fixed, broken) < 0:
        raise ValueError(f"counts cannot be negative: {fixed} fixed, {broken} broken")
    return min(1.0, 2 * float(bdtr(min(fixed, broken), fixed + broken, 0.5)))


def sign_flip_p_value(differences: NDArray[np.float64], clusters: NDArray[np.int64] | None = None) -> float:
    """How often a sum at least as far from zero comes up when the sign of each cluster's difference is a coin toss.

    Two-sided, over all sign flips and not a sample of them, so it needs no random numbers. For passed and failed,
    without clusters, it is McNemar's. Differences that are no simple fractions of the largest are rounded to a 2520th
    of it, or less finely where there are many: the test keeps its size, because it is as exact for the rounded ones.
    Source: Fisher, The Design of Experiments (1935), section 21; the distribution by its characteristic function.
    """
    check_values(differences, clusters)
    sums = sum_clusters(differences, clusters).sums
    if not sums.any():
        return 1.0
    whole = round_to_grid(sums[sums != 0])
    whole = whole[whole != 0]
    if np.all(np.abs(whole) == abs(whole[0])):
        return mcnemar_exact(int(np.sum(whole > 0)), int(np.sum(whole < 0)))
    return flip_tail(np.abs(whole), abs(int(whole.sum())))


def round_to_grid(sums: NDArray[np.float64]) -> NDArray[np.int64]:
    """Sums of passed and failed are whole already and stay what they are, in units as large as may be."""
    largest = 2.0 ** ceil(np.log2(np.abs(sums).max()))
    grids = [sums * (parts / largest) for parts in FINENESS]
    if np.array_equal(np.rint(sums), sums):
        grids.insert(0, sums)
    whole = np.zeros(0, dtype=np.int64)
    for grid in grids:
        whole = np.rint(grid).astype(np.int64)
        whole //= max(1, int(np.gcd.reduce(whole)))
        if window(np.abs(whole)) * len(np.unique(np.abs(whole))) <= MOST_WORK:
            break
    return whole


def window(sizes: NDArray[np.int64]) -> int:
    """How far from zero sums must be told apart."""
    return min(int(sizes.sum()), ceil(DEVIATIONS * sqrt(float(np.sum(sizes.astype(np.float64) ** 2)))))


def flip_tail(sizes: NDArray[np.int64], observed: int) -> float:
    """The chance that the sum of `sizes`, each with a random sign, is at least `observed` from zero."""
    reach = window(sizes)
    tail = 0.0
    if observed <= reach:
        length = 2 << reach.bit_length()
        mass = np.fft.irfft(transform_flips(sizes, length), length)
        tail = float(mass[observed : length - observed + 1].sum())
    if tail < ROUNDING:  # Hoeffding's bound is never below the truth
        spread = float(np.sum(sizes.astype(np.float64) ** 2))
        tail = min(ROUNDING, 2 * exp(-(observed**2) / (2 * spread)))
    return min(1.0, max(tail, 2.0 ** (1 - len(sizes))))


def transform_flips(sizes: NDArray[np.int64], length: int) -> NDArray[np.float64]:
    """The Fourier transform of the distribution of the sum: each flip multiplies it by a cosine."""
    transform = np.zeros(length // 2 + 1)
    places = np.arange(length // 2 + 1)
    values = np.ones(len(places))
    kinds, times = np.unique(sizes, return_counts=True)
    for kind in np.argsort(-times, kind="stable"):
        values *= np.cos(kinds[kind] * (2 * np.pi / length) * places) ** times[kind]
        matters = np.abs(values) > NEGLIGIBLE
        places, values = places[matters], values[matters]
    transform[places] = values
    return transform
