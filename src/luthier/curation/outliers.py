"""Numbers become distances from their middle that a third of wild values cannot distort."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

MAD_TO_DEVIATION, MEAN_TO_DEVIATION = 1.4826, 1.2533
"""What turns the median and the mean of absolute deviations into the standard deviation, for normal values."""


def robust_z(values: Numbers) -> Numbers:
    """Modified z-scores; all 0 where all values are equal. NaN stays NaN and counts for nothing.

    Where most values are equal the mean deviation stands in for the median one, as Iglewicz and Hoaglin advise.
    """
    if not np.isfinite(values).any():
        return np.full(len(values), np.nan)
    distances = values - np.nanmedian(values)
    spread = MAD_TO_DEVIATION * np.nanmedian(np.abs(distances))
    if spread == 0:
        spread = MEAN_TO_DEVIATION * np.nanmean(np.abs(distances))
    return distances / spread if spread > 0 else distances


def percentile_of(values: Numbers, row: int) -> int:
    """Share of the other values below this one, in whole percent."""
    known = values[np.isfinite(values)]
    return round(100 * float((known < values[row]).sum()) / max(1, len(known) - 1))
