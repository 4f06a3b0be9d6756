"""Prompts and answers as vectors go in; out comes how likely each answer was written for another prompt.

Both signals rank a row's own answer among all answers. Under the right prompt it ranks high; an answer from elsewhere
takes any rank with equal chance. The ranks are thus a mixture of a uniform part and of one that piles up at the top,
and how much of each is there can be read from the ranks themselves, without any threshold to choose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from luthier.curation.neighbours import rank_own
from luthier.curation.signal import Scores, Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from luthier.curation.candidates import Candidates

    Numbers = NDArray[np.float64]

SOURCE = "posterior of the uniform part of the ranks: Storey 2002 for its size, Grenander 1956 for the density"

MATCH = Signal(
    name="match",
    measures="share of all answers that are nearer in meaning to this row's prompt than its own answer",
    source=SOURCE,
    weight=0.8,
)
KIN = Signal(
    name="kin",
    measures="share of all answers that are nearer in meaning to the answers of the 10 nearest prompts than this one",
    source=SOURCE,
    weight=0.6,
)
TAIL = 0.5
"""Ranks beyond this come, all but a few, from the uniform part."""

MOST_UNIFORM = 0.5
"""Where more of the rows look uniform, vectors of prompts say little about answers, and the signal keeps quiet."""


def score_match(rows: Candidates) -> Scores:
    ranks = rank_own(rows.prompt_vectors, rows.answer_vectors)
    reasons = [f"{rank:.0%} of all answers are nearer to its request than its own" for rank in ranks]
    return Scores(MATCH, ranks, uniform_posterior(ranks), reasons)


def score_kin(rows: Candidates) -> Scores:
    if not rows.nearest.shape[1]:
        return Scores(KIN, np.full(len(rows), np.nan), np.zeros(len(rows)), [""] * len(rows))
    ranks = rank_own(rows.answer_vectors[rows.nearest].mean(axis=1), rows.answer_vectors)
    reasons = [f"{rank:.0%} of all answers are more like those to the nearest requests" for rank in ranks]
    return Scores(KIN, ranks, uniform_posterior(ranks), reasons)


def uniform_posterior(ranks: Numbers) -> Numbers:
    """For ranks in [0, 1): how likely each belongs to the uniform part of the mixture. All 0 when that is too large.

    It never falls as the rank gets worse.
    """
    from scipy.optimize import isotonic_regression

    count = len(ranks)
    if count == 0:
        return ranks
    # One is added to the tail, as if one more row stood there: with few rows an empty tail proves nothing.
    uniform_fraction = (float((ranks > TAIL).sum()) + 1) / (count * (1 - TAIL))
    if uniform_fraction > MOST_UNIFORM:
        return np.zeros(count)
    places, inverse, counts = np.unique(ranks, return_inverse=True, return_counts=True)
    # A rank of k / count says that the answer came as number k + 1: its place is the stretch that ends there.
    widths = np.diff([0.0, *(places + 1 / count)])
    density = isotonic_regression(counts / count / widths, weights=widths, increasing=False).x
    return np.clip(uniform_fraction / density, 0.0, 1.0)[inverse]
