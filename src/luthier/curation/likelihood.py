"""Losses of a base model go in; out comes which answers it finds odd, and which their prompt does not help to find."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.curation.outliers import percentile_of, robust_z
from luthier.curation.signal import Scores, Signal, ramp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

LOSS = Signal(
    name="loss",
    measures="mean loss of the answer's tokens after the prompt under the untrained base, in nats",
    source="Marion et al. 2023, When Less is More: pruning by perplexity; the far end alone is held against a row",
    weight=0.45,
)
IFD = Signal(
    name="ifd",
    measures="instruction-following difficulty: loss of the answer after the prompt / loss of the answer alone; from 1 "
    "on the prompt does not help",
    source="Li et al. 2023, From Quantity to Quality (Cherry LLM), https://arxiv.org/abs/2308.12032",
    weight=0.7,
)
OUTLIER, EXTREME = 3.0, 6.0
"""Modified z-scores between which a loss far above the others becomes suspect."""

DOUBTFUL_IFD, SURE_IFD = 0.9, 1.1
"""Around 1, the value from which on the paper drops a row."""


class AnswerLosses(NamedTuple):
    """Nats per answer token, the end of the turn included. Both are over the very same tokens."""

    after_prompt: float
    alone: float


class Refused(NamedTuple):
    """Why a row cannot be learned by this base."""

    reason: str


class LikelihoodScores(NamedTuple):
    loss: Scores
    ifd: Scores


def score_likelihood(losses: Sequence[AnswerLosses]) -> LikelihoodScores:
    after = np.array([entry.after_prompt for entry in losses])
    alone = np.array([entry.alone for entry in losses])
    return LikelihoodScores(_score_loss(after), _score_ifd(after / np.maximum(alone, np.finfo(float).tiny)))


def _score_loss(after: Numbers) -> Scores:
    """Of the logarithm, since losses are skewed."""
    z = robust_z(np.log(np.maximum(after, np.finfo(float).tiny)))
    reasons = [
        f"the base finds its answer unlikely: {loss:.2f} nats per token, {percentile_of(after, row)}th percentile"
        for row, loss in enumerate(after)
    ]
    return Scores(LOSS, after, ramp(z, OUTLIER, EXTREME), reasons)


def _score_ifd(ifd: Numbers) -> Scores:
    reasons = [
        f"its answer does not fit its prompt: IFD {value:.2f}, {percentile_of(ifd, row)}th percentile"
        for row, value in enumerate(ifd)
    ]
    return Scores(IFD, ifd, ramp(ifd, DOUBTFUL_IFD, SURE_IFD), reasons)
