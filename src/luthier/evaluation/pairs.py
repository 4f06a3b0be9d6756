"""Two results on the same samples become pairs of numbers, in which nothing that is missing helps the candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from luthier.evaluation.result import ModelResult, Outcome


class Changes(NamedTuple):
    fixed: int
    broken: int
    total: int


class Pairs(NamedTuple):
    """What both models got for each case, from 0 to 1; `clusters` are numbers from 0 on, or None.

    A case that the baseline was not measured on counts 0 for both, one that the candidate was not measured on counts 0
    for the candidate: what was not measured never speaks for the candidate.
    """

    baseline: NDArray[np.float64]
    candidate: NDArray[np.float64]
    clusters: NDArray[np.int64] | None

    @property
    def differences(self) -> NDArray[np.float64]:
        return self.candidate - self.baseline

    @property
    def knows_degrees(self) -> bool:
        return not all(np.isin(points, (0.0, 1.0)).all() for points in (self.baseline, self.candidate))

    def choose(self, places: NDArray[np.int64]) -> Pairs:
        """Some of the cases; their clusters are None when each has become one by itself."""
        clusters = None
        if self.clusters is not None:
            names, numbers = np.unique(self.clusters[places], return_inverse=True)
            clusters = numbers if len(names) < len(places) else None
        return Pairs(self.baseline[places], self.candidate[places], clusters)

    @property
    def cluster_count(self) -> int | None:
        return None if self.clusters is None else len(np.unique(self.clusters))

    def count_changes(self) -> Changes:
        """Raises nothing, but means something only for passed and failed."""
        differences = self.differences
        return Changes(int(np.sum(differences > 0)), int(np.sum(differences < 0)), len(differences))


def number_clusters(names: Sequence[str]) -> NDArray[np.int64] | None:
    """The number of each case's cluster; one without a name is a cluster by itself. None when every case is."""
    whole = [name or f"\0{place}" for place, name in enumerate(names)]
    numbers: dict[str, int] = {}
    clusters = [numbers.setdefault(name, len(numbers)) for name in whole]
    return None if len(numbers) == len(whole) else np.array(clusters, dtype=np.int64)


def pair_passes(baseline: ModelResult, candidate: ModelResult, clusters: NDArray[np.int64] | None) -> Pairs:
    return build_pairs(map(read_pass, baseline.outcomes), map(read_pass, candidate.outcomes), clusters)


def pair_scores(baseline: ModelResult, candidate: ModelResult, clusters: NDArray[np.int64] | None) -> Pairs:
    return build_pairs(map(read_score, baseline.outcomes), map(read_score, candidate.outcomes), clusters)


def pair_criterion(
    baseline: ModelResult, candidate: ModelResult, clusters: NDArray[np.int64] | None, *, place: int
) -> Pairs:
    """Of the task's further criterion at `place`."""
    return build_pairs(
        (read_criterion(outcome, place) for outcome in baseline.outcomes),
        (read_criterion(outcome, place) for outcome in candidate.outcomes),
        clusters,
    )


def count_ungraded(baseline: ModelResult, candidate: ModelResult, *, place: int) -> int:
    """Cases that both models answered, and the task's further criterion at `place` could not judge for one of them."""
    answered = [
        pair
        for pair in zip(baseline.outcomes, candidate.outcomes, strict=True)
        if all(each.is_answered for each in pair)
    ]
    return sum(any(each.others[place].error for each in pair) for pair in answered)


def build_pairs(
    baseline: Iterable[float | None], candidate: Iterable[float | None], clusters: NDArray[np.int64] | None
) -> Pairs:
    before = np.array([np.nan if points is None else points for points in baseline], dtype=np.float64)
    after = np.array([0.0 if points is None else points for points in candidate], dtype=np.float64)
    is_missing = np.isnan(before)
    return Pairs(np.where(is_missing, 0.0, before), np.where(is_missing, 0.0, after), clusters)


def read_pass(outcome: Outcome) -> float | None:
    return float(outcome.passed) if outcome.is_measured else None


def read_score(outcome: Outcome) -> float | None:
    return outcome.score if outcome.is_measured else None


def read_criterion(outcome: Outcome, place: int) -> float | None:
    """What was not answered has no grades, and a grader that failed has none that means anything."""
    if not outcome.is_answered or outcome.others[place].error:
        return None
    return outcome.others[place].points
