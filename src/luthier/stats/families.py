"""P-values of several tests become adjusted ones, so that looking many times does not find what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def adjust_holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """In their order. Rejecting those below 0.05 claims one difference or more that is not there in at most 5 percent
    of families, however the tests depend on each other.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    values = check_p_values(p_values)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return tuple(np.minimum(adjusted, 1.0).tolist())


def adjust_benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """In their order. Of those below 0.05 at most 5 percent are expected to be nothing, for tests that do not work
    against each other: the rule for looking around, not for proof.

    Source: Benjamini and Hochberg, Journal of the Royal Statistical Society B 57 (1995), 289-300.
    """
    values = check_p_values(p_values)
    order = np.argsort(values, kind="stable")[::-1]
    ranks = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum.accumulate(values[order] * len(values) / ranks)
    return tuple(np.minimum(adjusted, 1.0).tolist())


def check_p_values(p_values: Sequence[float]) -> NDArray[np.float64]:
    values = np.asarray(p_values, dtype=np.float64)
    if not np.all((values >= 0) & (values <= 1)):
        raise ValueError("a p-value lies between 0 and 1")
    return values
