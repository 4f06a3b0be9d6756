"""Cases on which two models disagree become a p-value: could luck alone have moved so many one way?"""

from __future__ import annotations

from scipy.special import bdtr


def mcnemar_exact(fixed: int, broken: int) -> float:
    """The exact two-sided McNemar p-value; 1.0 when no case changed. Raises ValueError for negative counts.

    Cases that both models pass, or both fail, say nothing and are left out: were the models equally good,
    each case that changed would be a fair coin. The smallest significant result is 6 fixed and none broken.
    Source: McNemar, Psychometrika 12 (1947), 153-157, with the binomial in place of chi-squared.
    """
    if min(fixed, broken) < 0:
        raise ValueError(f"counts cannot be negative: {fixed} fixed, {broken} broken")
    return min(1.0, 2 * float(bdtr(min(fixed, broken), fixed + broken, 0.5)))
