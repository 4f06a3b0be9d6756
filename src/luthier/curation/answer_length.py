"""Rows go in; out comes how unusual the length of each answer is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from luthier.curation.outliers import robust_z
from luthier.curation.signal import Scores, Signal, ramp

if TYPE_CHECKING:
    from luthier.curation.candidates import Candidates

LENGTH = Signal(
    name="length",
    measures="modified z-score of the logarithm of the answer's length in characters",
    source="Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers: 0.6745 (x - median) / MAD, "
    "an outlier beyond 3.5",
    weight=0.45,
)
OUTLIER, EXTREME = 3.5, 7.0
MOST_OUTLYING = 0.02
"""Share of the rows; where more lie out there, on one side, they are a kind of their own and no outliers."""


def score_length(rows: Candidates) -> Scores:
    counts = np.array([len(answer.text) for answer in rows.answers], dtype=np.float64)
    z = robust_z(np.log1p(counts))
    middle = int(np.median(counts)) if len(counts) else 0
    reasons = [f"its answer has {int(count):,} characters, where the middle one has {middle:,}" for count in counts]
    is_few = np.where(z > 0, (z > OUTLIER).mean() <= MOST_OUTLYING, (z < -OUTLIER).mean() <= MOST_OUTLYING)
    return Scores(LENGTH, z, ramp(np.abs(z), OUTLIER, EXTREME) * is_few, reasons)
