"""Two judgements of the same cases, such as a judge's and a person's, become their agreement beyond luck."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.stats.intervals import Measured, wilson_interval
from luthier.stats.matrices import LabelledCases, Linearised, measure_score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Agreement(NamedTuple):
    """`kappa` is Cohen's: 1 for full agreement, 0 for as much as luck gives. None when both always said the same one
    word, which shows nothing: it can be luck alone."""

    total: int
    agreed: int
    rate: Measured
    kappa: Measured | None


def measure_agreement(first: Sequence[str], second: Sequence[str]) -> Agreement:
    """Raises ValueError for no cases, or for two sequences of unlike length."""
    if len(first) != len(second) or not first:
        raise ValueError(f"{len(first)} and {len(second)} judgements are no pairs")
    labels = {label: place for place, label in enumerate(sorted({*first, *second}))}
    rows, columns = np.array([labels[label] for label in first]), np.array([labels[label] for label in second])
    matrix = np.zeros((len(labels), len(labels)))
    np.add.at(matrix, (rows, columns), 1)
    agreed, total = int(np.sum(rows == columns)), len(rows)
    cases = LabelledCases(matrix, rows, columns, clusters=None)
    return Agreement(
        total=total,
        agreed=agreed,
        rate=Measured(agreed / total, wilson_interval(agreed, total)),
        kappa=measure_score(cases, linearise_kappa, lowest=-1.0) if len(labels) > 1 else None,
    )


def linearise_kappa(matrix: NDArray[np.float64]) -> Linearised:
    """Source: Fleiss, Cohen and Everitt, Psychological Bulletin 72 (1969), 323-327, for the derivatives."""
    shares = matrix / matrix.sum()
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    is_agreed = np.eye(len(matrix))
    agreed, by_luck = float(np.trace(shares)), float(rows @ columns)
    kappa = (agreed - by_luck) / (1 - by_luck)
    luck_moves = columns[:, None] + rows[None, :] - 2 * by_luck
    return Linearised(kappa, (is_agreed - agreed) / (1 - by_luck) - (1 - agreed) / (1 - by_luck) ** 2 * luck_moves)
