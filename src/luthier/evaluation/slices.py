"""Two results on the same samples become a comparison for each kind of case: leads to follow, and no proof.

The kinds are those that nobody has to choose: short and long prompts, labels, values of the rows' metadata.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.evaluation.effects import SIGNIFICANCE, weigh_pairs
from luthier.evaluation.pairs import number_clusters, pair_passes
from luthier.stats.families import adjust_benjamini_hochberg
from luthier.stats.intervals import Interval
from luthier.stats.means import FEWEST_CLUSTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from luthier.evaluation.pairs import Pairs
    from luthier.evaluation.result import ModelResult
    from luthier.evaluation.task import Sample

SMALLEST_SLICE = 10
MOST_VALUES = 12
"""A key of metadata with more values tells cases apart and does not group them."""
LENGTH_KEY = "prompt length"
LABEL_KEY = "label"

EXPLORATORY = (
    "Slices are exploratory: nobody chose them before the run, so what they show is a lead to be confirmed on new "
    "rows. The p-values are adjusted for the number of slices by Benjamini and Hochberg's rule, the intervals are not."
)


@dataclass(frozen=True, slots=True)
class Slice:
    """The cases whose `key` has this `value`. Rates are of passed cases, `difference` is the candidate's less the
    baseline's; a case that the baseline was not measured on is passed by neither."""

    key: str
    value: str
    total: int
    baseline_rate: float
    candidate_rate: float
    difference: float
    interval: Interval
    p_value: float
    adjusted_p_value: float
    note: str


class Group(NamedTuple):
    key: str
    value: str
    places: NDArray[np.int64]


def compute_slices(samples: Sequence[Sample], baseline: ModelResult, candidate: ModelResult) -> tuple[Slice, ...]:
    """None of fewer than ten cases, and none of a key by which at least two are not that large."""
    pairs = pair_passes(baseline, candidate, number_clusters([sample.cluster for sample in samples]))
    groups = [*group_by_length(samples), *group_by_label(baseline, candidate), *group_by_metadata(samples)]
    slices = [measure_slice(group, pairs) for group in groups]
    adjusted = adjust_benjamini_hochberg([each.p_value for each in slices])
    return tuple(
        replace(each, adjusted_p_value=value, note=describe_lead(each, value))
        for each, value in zip(slices, adjusted, strict=True)
    )


def measure_slice(group: Group, pairs: Pairs) -> Slice:
    part = pairs.choose(group.places)
    evidence = weigh_pairs(part)
    few = part.cluster_count is not None and part.cluster_count < FEWEST_CLUSTERS
    return Slice(
        key=group.key,
        value=group.value,
        total=len(group.places),
        baseline_rate=float(part.baseline.mean()),
        candidate_rate=float(part.candidate.mean()),
        difference=float(part.differences.mean()),
        interval=evidence.interval,
        p_value=evidence.p_value,
        adjusted_p_value=evidence.p_value,
        note=f"from only {part.cluster_count} clusters" if few else "",
    )


def describe_lead(part: Slice, adjusted: float) -> str:
    if adjusted >= SIGNIFICANCE:
        return part.note
    lead = f"{'better' if part.difference > 0 else 'worse'} here, to be confirmed on new rows"
    return f"{lead}; {part.note}" if part.note else lead


def group_by_length(samples: Sequence[Sample]) -> Iterator[Group]:
    """Thirds, as far as equal lengths allow."""
    lengths = np.array([sum(len(message.content) for message in sample.prompt) for sample in samples])
    first, second = np.quantile(lengths, (1 / 3, 2 / 3), method="inverted_cdf").tolist()
    thirds = {
        f"up to {first:.0f} characters": lengths <= first,
        f"{first + 1:.0f} to {second:.0f} characters": (lengths > first) & (lengths <= second),
        f"more than {second:.0f} characters": lengths > second,
    }
    return keep_large(LENGTH_KEY, {value: np.flatnonzero(chosen) for value, chosen in thirds.items()})


def group_by_label(baseline: ModelResult, candidate: ModelResult) -> Iterator[Group]:
    wanted: defaultdict[str, list[int]] = defaultdict(list)
    for place, outcomes in enumerate(zip(baseline.outcomes, candidate.outcomes, strict=True)):
        labels = [outcome.label.wanted for outcome in outcomes if outcome.label is not None]
        if labels:
            wanted[labels[0]].append(place)
    return keep_large(LABEL_KEY, {label: np.array(wanted[label]) for label in sorted(wanted)})


def group_by_metadata(samples: Sequence[Sample]) -> Iterator[Group]:
    found: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, sample in enumerate(samples):
        for key, value in sample.metadata.items():
            if isinstance(value, str | int | float):
                found[key][str(value)].append(place)
    for key, values in sorted(found.items()):
        if len(values) <= MOST_VALUES:
            yield from keep_large(key, {value: np.array(values[value]) for value in sorted(values)})


def keep_large(key: str, groups: dict[str, NDArray[np.int64]]) -> Iterator[Group]:
    large = [Group(key, value, places) for value, places in groups.items() if len(places) >= SMALLEST_SLICE]
    return iter(large if len(large) > 1 else [])
