"""Texts with an end missing go in; how sure a model is of the right end among wrong ones comes out.

Ends of several tokens are compared by the mean of their log-probabilities. What counts is the log of the right end's
share of all ends: a number on every item, where right or wrong is a single bit, and one that hardly moves where a model
is sure by far, so that a loss shows on few items (docs/decisions/0023-forgetting.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from luthier.engine.protocol import Reading
from luthier.evaluation.forgetting.drift import CEILING
from luthier.evaluation.forgetting.finding import MOST_EXAMPLES, Family, ProbeCase
from luthier.evaluation.forgetting.margins import judge_losses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from luthier.engine.protocol import Surveyor
    from luthier.evaluation.forgetting.material import Gap


@dataclass(frozen=True)
class GapScores:
    """Of each gap, the mean log-probability per token of the right end, then of the wrong ones, in nats."""

    ends: tuple[tuple[float, ...], ...]

    @property
    def shares(self) -> list[float]:
        """The logs of those of the right ends, in nats: 0 where a model is certain."""
        return [ends[0] - float(np.logaddexp.reduce(ends)) for ends in self.ends]

    def choose(self, place: int) -> int:
        """The end that the model would take; 0 is the right one."""
        return int(np.argmax(self.ends[place]))


def count_ends(gaps: Sequence[Gap]) -> int:
    return sum(1 + len(gap.wrong) for gap in gaps)


def score_gaps(surveyor: Surveyor, model: str, gaps: Sequence[Gap], *, on_progress: Callable[[int], None]) -> GapScores:
    readings = [Reading(end, context=gap.context) for gap in gaps for end in (gap.right, *gap.wrong)]
    surveys = surveyor.survey([model], readings, on_progress=on_progress)
    means = (
        -float(np.nan_to_num(survey.surprisals[0], nan=CEILING, posinf=CEILING).clip(0, CEILING).mean())
        for survey in surveys
    )
    return GapScores(tuple(tuple(islice(means, 1 + len(gap.wrong))) for gap in gaps))


def judge_gaps(gaps: Sequence[Gap], baseline: GapScores, candidate: GapScores, *, margin: float) -> Family:
    before, after = baseline.shares, candidate.shares
    losses = [early - late for early, late in zip(before, after, strict=True)]
    loss = judge_losses(losses, margin=margin)
    right = [sum(scores.choose(place) == 0 for place in range(len(gaps))) for scores in (baseline, candidate)]
    return Family(
        key="knowledge",
        title="Knowledge and language",
        measured=loss.measured,
        interval=loss.interval,
        margin=margin,
        unit="nats",
        baseline=float(np.mean(before)),
        candidate=float(np.mean(after)),
        total=len(gaps),
        state=loss.state,
        explanation=f"of {len(gaps)} texts the right end is the likeliest in {right[1]}, {right[0]} before; the log of "
        f"its share is {np.mean(after):.2f} in the mean, {np.mean(before):.2f} before",
        examples=tuple(_list_examples(gaps, baseline, candidate, losses)),
    )


def _list_examples(
    gaps: Sequence[Gap], baseline: GapScores, candidate: GapScores, losses: Sequence[float]
) -> list[ProbeCase]:
    """Where the candidate would go wrong and the baseline not, the worst first."""
    cases = []
    for place in np.argsort(losses)[::-1].tolist():
        gap, chosen = gaps[place], candidate.choose(place)
        if baseline.choose(place) == 0 and chosen != 0:
            ends = (gap.right, *gap.wrong)
            note = f"{gap.group}: {losses[place]:.2f} nats less sure of the right end"
            cases.append(ProbeCase(f"{gap.context} …", gap.right.strip(), ends[chosen].strip(), note))
    return cases[:MOST_EXAMPLES]
