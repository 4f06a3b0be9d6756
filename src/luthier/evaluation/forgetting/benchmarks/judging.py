"""What two models scored on the same rows becomes a family for each benchmark; of several, luck is reckoned with.

That nothing was lost has to hold of each benchmark, so each is tested alone. That something was lost is claimed by any
one of them, so that claim goes by Holm's rule over all: ten benchmarks are no ten chances of a false alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.errors import InvalidConfig
from luthier.evaluation.forgetting.finding import MOST_EXAMPLES, Family, ProbeCase
from luthier.stats.intervals import Interval
from luthier.stats.means import paired_mean_interval
from luthier.stats.non_inferiority import CONFIDENCE, score_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from luthier.evaluation.forgetting.benchmarks.question import Item
    from luthier.evaluation.forgetting.finding import FamilyState


class Pair(NamedTuple):
    before: Item
    after: Item

    @property
    def loss(self) -> float:
        return self.before.score - self.after.score


@dataclass(frozen=True)
class Outcome:
    """`pairs` are of the same rows; `skipped` are those that a model could not read."""

    name: str
    metric: str
    source: str
    pairs: tuple[Pair, ...]
    skipped: int = 0

    @property
    def losses(self) -> NDArray[np.float64]:
        return np.array([pair.loss for pair in self.pairs])


def pair_items(
    name: str, metric: str, source: str, baseline: Sequence[Item | None], candidate: Sequence[Item | None]
) -> Outcome:
    """Raises InvalidConfig where no row is left."""
    both = zip(baseline, candidate, strict=True)
    pairs = tuple(Pair(before, after) for before, after in both if before is not None and after is not None)
    if not pairs:
        raise InvalidConfig(
            f"benchmark {name}: no row of it fits in the context of both models", hint="ask with fewer examples"
        )
    return Outcome(name, metric, source, pairs, skipped=len(baseline) - len(pairs))


def judge_benchmarks(outcomes: Sequence[Outcome], *, margin: float) -> list[Family]:
    lost = find_lost([outcome.losses for outcome in outcomes], margin=margin)
    return [_judge(outcome, margin, is_lost=place in lost) for place, outcome in enumerate(outcomes)]


def find_lost(losses: Sequence[NDArray[np.float64]], *, margin: float) -> set[int]:
    """Places of those that lost more than `margin`; one that did not is among them in at most 5 percent of families.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979), 65-70, with bounds in place of p-values.
    """
    left, lost = set(range(len(losses))), set[int]()
    while left:
        confidence = 1 - (1 - CONFIDENCE) / len(left)
        found = {place for place in left if bound_loss(losses[place], confidence=confidence).low > margin}
        if not found:
            break
        left, lost = left - found, lost | found
    return lost


def bound_loss(losses: NDArray[np.float64], *, confidence: float) -> Interval:
    """Of the mean of losses in [-1, 1], by the test for passed and failed where that is all they are."""
    broken, fixed = int(np.sum(losses == 1)), int(np.sum(losses == -1))
    if broken + fixed == np.count_nonzero(losses):
        gain = score_interval(fixed, broken, len(losses), confidence=confidence)
    else:
        gain = paired_mean_interval(-losses, confidence=confidence)
    return Interval(0.0 - gain.high, 0.0 - gain.low)


def _judge(outcome: Outcome, margin: float, *, is_lost: bool) -> Family:
    losses, pairs = outcome.losses, outcome.pairs
    interval = bound_loss(losses, confidence=CONFIDENCE)
    state: FamilyState = "degraded" if is_lost else "ok" if interval.high <= margin else "cannot_tell"
    return Family(
        key=f"benchmark:{outcome.name}",
        title=f"Benchmark {outcome.name}",
        measured=float(losses.mean()),
        interval=interval,
        margin=margin,
        unit="share of rows",
        baseline=float(np.mean([pair.before.score for pair in pairs])),
        candidate=float(np.mean([pair.after.score for pair in pairs])),
        total=len(pairs),
        state=state,
        explanation=_explain(outcome),
        examples=_list_examples(outcome),
    )


def _explain(outcome: Outcome) -> str:
    """Every number that lm-eval tells, the one that decides first."""
    pairs = outcome.pairs
    levels = {outcome.metric: [np.mean([item.score for item in side]) for side in zip(*pairs, strict=True)]}
    for key in pairs[0].before.others:
        levels[key] = [np.mean([item.others.get(key, np.nan) for item in side]) for side in zip(*pairs, strict=True)]
    told = ", ".join(f"{key} is {after:.3g}, {before:.3g} before" for key, (before, after) in levels.items())
    skipped = f"; {outcome.skipped} too long for the model are left out" if outcome.skipped else ""
    return f"{told}; {outcome.source}{skipped}"


def _list_examples(outcome: Outcome) -> tuple[ProbeCase, ...]:
    worse = sorted((pair for pair in outcome.pairs if pair.loss > 0), key=lambda pair: -pair.loss)
    return tuple(
        ProbeCase(
            before.prompt,
            before.answer,
            after.answer,
            f"{outcome.metric} {after.score:.3g}, {before.score:.3g} before",
        )
        for before, after in worse[:MOST_EXAMPLES]
    )
