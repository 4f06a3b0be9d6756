"""A confusion matrix and a score with its derivatives become the score with an interval, also for clustered cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.stats.intervals import Interval, Measured
from luthier.stats.means import check_values, estimate_from_sums, sum_clusters

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ADDED_CASES = 2
"""So many right ones and so many wrong ones, spread evenly, keep an interval from collapsing at a perfect score, as
Agresti and Coull do for a single rate. Its coverage: docs/decisions/0022-intervals-of-a-comparison.md"""


class LabelledCases(NamedTuple):
    """`matrix` counts the cases of each row and column; labels come in the same order along both."""

    matrix: NDArray[np.float64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    clusters: NDArray[np.int64] | None


class Linearised(NamedTuple):
    """A score of a confusion matrix and how much one more case in each place moves it, times the number of cases."""

    value: float
    influences: NDArray[np.float64]


def measure_score(
    cases: LabelledCases, linearise: Callable[[NDArray[np.float64]], Linearised], *, lowest: float
) -> Measured:
    """By the delta method around a matrix with a few more cases. It is the same as a jackknife over cases or clusters,
    except that nothing has to be left out."""
    value = linearise(cases.matrix).value
    added = spread_cases(cases.matrix)
    around = linearise(cases.matrix + added)
    moves = around.influences[cases.rows, cases.columns]
    check_values(moves, cases.clusters)
    sums, sizes = sum_clusters(moves, cases.clusters)
    # The added cases, as two clusters that move the score up and down as much as all of them together.
    usual = float(np.sqrt(np.sum(added * around.influences**2) / 2))
    estimate = estimate_from_sums(np.append(sums, [usual, -usual]), np.append(sizes, [added.sum() / 2] * 2))
    centred = estimate._replace(mean=around.value)
    low, high = centred.interval()
    # Around fewer cases than labels the centre may lie far from the score itself, which is always believable.
    return Measured(value, Interval(max(lowest, min(low, value)), min(1.0, max(high, value))))


def spread_cases(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    count = len(matrix)
    added = np.full(matrix.shape, ADDED_CASES / (matrix.size - count))
    added[np.arange(count), np.arange(count)] = ADDED_CASES / count
    return added
