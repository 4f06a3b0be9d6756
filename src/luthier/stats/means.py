"""Numbers of single cases become their mean with an interval, also where cases come in clusters that are alike."""

from __future__ import annotations

from math import inf, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import stdtrit

from luthier.stats.intervals import Interval, check_confidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_CLUSTERS = 10
"""With fewer, how much clusters differ is hardly known; the intervals cover, but only by being very wide."""


class MeanEstimate(NamedTuple):
    """`clusters` is the number of independent units: that of the values when each stands alone."""

    mean: float
    standard_error: float
    degrees_of_freedom: float
    clusters: int

    def interval(self, *, confidence: float = 0.95) -> Interval:
        """Student's; without end when there are fewer than two clusters."""
        check_confidence(confidence)
        if self.standard_error == inf:
            return Interval(-inf, inf)
        reach = float(stdtrit(self.degrees_of_freedom, 0.5 + confidence / 2)) * self.standard_error
        return Interval(self.mean - reach, self.mean + reach)


def estimate_mean(values: NDArray[np.float64], clusters: NDArray[np.int64] | None = None) -> MeanEstimate:
    """The mean of all values, of which those with one number in `clusters`, counted from 0, may be alike.

    For two models give the difference of each case. Raises ValueError for no values or for what is not finite.
    Source: Bell and McCaffrey, Survey Methodology 28 (2002), 169-181, whose variance and degrees of freedom have a
    closed form for a mean; with one value in each cluster they are those of Student. Why not simply as many degrees as
    clusters less one: docs/decisions/0022-intervals-of-a-comparison.md.
    """
    check_values(values, clusters)
    return estimate_from_sums(*sum_clusters(values, clusters))


def paired_mean_interval(
    differences: NDArray[np.float64], clusters: NDArray[np.int64] | None = None, *, confidence: float = 0.95
) -> Interval:
    """Where the true mean of differences in [-1, 1] lies; it keeps its width when most or all of them are 0.

    Student's interval fails there: it has no width at all where nothing happened to change. So one cluster is added
    that changed for the better and one for the worse, both of the size that changes have here, which is what Bonett and
    Price do for passed and failed. Raises ValueError as `estimate_mean`, and for differences outside [-1, 1].
    """
    check_values(differences, clusters)
    if np.abs(differences).max() > 1:
        raise ValueError("a difference of scores lies between -1 and 1")
    sums, sizes = sum_clusters(differences, clusters)
    changed = int(np.count_nonzero(sums))
    usual = (float(np.abs(sums).sum()) + float(sizes.mean())) / (changed + 1)
    added = estimate_from_sums(np.append(sums, [usual, -usual]), np.append(sizes, [usual, usual]))
    low, high = added.interval(confidence=confidence)
    return Interval(max(low, -1.0), min(high, 1.0))


class Sums(NamedTuple):
    sums: NDArray[np.float64]
    sizes: NDArray[np.float64]


def sum_clusters(values: NDArray[np.float64], clusters: NDArray[np.int64] | None) -> Sums:
    """Numbers that no value has are no clusters."""
    if clusters is None:
        return Sums(np.asarray(values, dtype=np.float64), np.ones(len(values)))
    sizes = np.bincount(clusters)
    is_there = sizes > 0
    sums = np.bincount(clusters, weights=values).astype(np.float64)
    return Sums(sums[is_there], sizes[is_there].astype(np.float64))


def estimate_from_sums(sums: NDArray[np.float64], sizes: NDArray[np.float64]) -> MeanEstimate:
    total = float(sizes.sum())
    mean = float(sums.sum()) / total
    if len(sums) < 2:
        return MeanEstimate(mean, inf, 0.0, len(sums))
    share = sizes / total
    residuals = sums - sizes * mean
    variance = float(np.sum(residuals**2 / (1 - share))) / total**2
    weight = share**2 / (1 - share)
    spread = float(np.sum(share**2) + weight.sum() ** 2 - np.sum(weight**2))
    return MeanEstimate(mean, sqrt(variance), 1 / spread, len(sums))


def check_values(values: NDArray[np.float64], clusters: NDArray[np.int64] | None) -> None:
    if len(values) == 0:
        raise ValueError("a mean needs at least one value")
    if not np.isfinite(values).all():
        raise ValueError("a mean needs finite values")
    if clusters is not None and len(clusters) != len(values):
        raise ValueError(f"{len(values)} values cannot belong to {len(clusters)} clusters, one each")
