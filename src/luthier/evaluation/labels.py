"""What one model did on one task goes in, which labels it took for which comes out, with what that is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from luthier.stats.classification import Classification, measure_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.evaluation.result import ModelResult


@dataclass(frozen=True, slots=True)
class LabelSummary:
    """`classification` is of the answers that came; `unanswered` rows are in none of its numbers.

    The last column of its matrix counts the answers that are none of the labels.
    """

    classification: Classification
    unanswered: int

    @property
    def none_of_them(self) -> int:
        return sum(row[-1] for row in self.classification.matrix)


def summarise_labels(result: ModelResult, *, clusters: Sequence[str] | None = None) -> LabelSummary | None:
    """None when the grader knows no labels. `clusters` are those of the samples, in their order; an empty one is a
    cluster by itself."""
    labelled = [(place, outcome.label) for place, outcome in enumerate(result.outcomes) if outcome.label is not None]
    if not labelled:
        return None
    wanted = [label.wanted for _, label in labelled]
    got = [label.got for _, label in labelled]
    # A label that only answers name can be a declared one that no reference has.
    names = sorted({*wanted, *got} - {""})
    numbers = _number_clusters([clusters[place] for place, _ in labelled]) if clusters is not None else None
    return LabelSummary(measure_labels(wanted, got, labels=names, clusters=numbers), result.unanswered)


def _number_clusters(clusters: Sequence[str]) -> np.ndarray | None:
    """None when each stands alone."""
    if not any(clusters):
        return None
    names = [name or f"alone {place}" for place, name in enumerate(clusters)]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)
