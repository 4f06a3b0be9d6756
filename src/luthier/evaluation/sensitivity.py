"""A number of test cases becomes a sentence, said before a run: how large a gain these cases can show."""

from __future__ import annotations

from math import ceil

from luthier.evaluation.wording import phrase_cases
from luthier.stats.power import cases_needed, minimum_detectable_gain

USUAL_BROKEN = (0.0, 0.05, 0.10)
"""Fractions of the cases that get worse anyway: none, what is usual, many."""
NEXT_STEP = 5 / 8
"""A gain worth more cases is at most so much of the one that can be seen already."""
MOST_MORE = 6
"""Times as many cases as there are: to ask for more is no advice."""
NEXT_GAINS = (0.30, 0.20, 0.15, 0.10, 0.05, 0.03, 0.02, 0.01)
FEWEST_CASES = 6
"""The exact McNemar test cannot fall below 0.05 with fewer, however they turn out."""


def describe_sensitivity(total: int, *, clusters: int | None = None) -> str:
    """The gains that are shown four times out of five, from no broken case to a tenth of them broken.

    Cases in `clusters` may be worth no more than one each, and then so many cases are what counts.
    """
    is_clustered = clusters is not None and clusters < total
    cases = phrase_cases(total, "test case")
    where = f"{cases} in {phrase_cases(clusters or 0, 'cluster')}" if is_clustered else cases
    low = minimum_detectable_gain(total)
    if low is None:
        return f"with {where} no gain can be seen: at least {FEWEST_CASES} are needed"
    high = minimum_detectable_gain(total, broken_fraction=USUAL_BROKEN[-1])
    more = limit_by_clusters(clusters or 0) if is_clustered else suggest_more(total, low)
    return f"with {where} you can see {phrase_gains(low, high)}{more}"


def phrase_gains(low: float, high: float | None) -> str:
    least = round_up(low)
    if high is None:
        return f"a gain of +{least} points at best, and none when a tenth of them breaks"
    most = round_up(high)
    return f"a gain of +{least} points" if most == least else f"+{least} to +{most} points"


def limit_by_clusters(clusters: int) -> str:
    gain = minimum_detectable_gain(clusters, broken_fraction=USUAL_BROKEN[-1])
    seen = "none" if gain is None else f"no less than +{round_up(gain)}"
    return f"; {seen} if the cases of a cluster stand or fall together"


def suggest_more(total: int, low: float) -> str:
    wanted = next((gain for gain in NEXT_GAINS if 100 * gain <= round_up(low) * NEXT_STEP), None)
    if wanted is None:
        return ""
    more = cases_needed(wanted, broken_fraction=USUAL_BROKEN[1]) - total
    return f"; add {more} to see +{round(100 * wanted)}" if 0 < more <= MOST_MORE * max(total, FEWEST_CASES) else ""


def round_up(gain: float) -> int:
    """In points; a gain that a search found a thousandth of a point too high is not rounded to the next one."""
    return ceil(round(100 * gain, 1))
