"""Whether a model knows when it is right: how sure it was of each answer, against whether that passed."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

from luthier.stats.calibration import Calibration, measure_calibration

if TYPE_CHECKING:
    from luthier.evaluation.result import ModelResult


def summarise_calibration(result: ModelResult) -> Calibration | None:
    """An answer's confidence is the geometric mean of its tokens' probabilities, and 1 where a server's rounding says
    more. None without log-probabilities; an answer that was cut off is as wrong as its grade says, and one without a
    grade says nothing."""
    known = [
        (exp(min(0.0, outcome.mean_log_prob)), outcome.passed)
        for outcome in result.outcomes
        if outcome.mean_log_prob is not None and outcome.is_measured
    ]
    if not known:
        return None
    confidences, passed = zip(*known, strict=True)
    return measure_calibration(list(confidences), list(passed))
