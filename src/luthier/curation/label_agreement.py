"""Rows go in; out comes how far each row's label departs from the labels of the requests that are most like it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.curation.neighbours import find_nearest
from luthier.curation.signal import Scores, Signal, ramp
from luthier.data.labels import find_labels

if TYPE_CHECKING:
    from luthier.curation.candidates import Candidates

LABEL = Signal(
    name="label",
    measures="among the 10 nearest labelled requests, the share of the likeliest other label less that of the own",
    source="label noise by nearest neighbours, as in Wilson 1972 (edited nearest neighbour); confident learning, "
    "Northcutt et al. 2021, asks a classifier instead",
    weight=0.85,
)
LEAST_RELIABLE = 0.3
"""Agreement of neighbours beyond chance, as in Cohen's kappa, from which on requests foretell labels at all."""


class _Vote(NamedTuple):
    """Shares of the neighbours: with the row's own label, and with the likeliest other one."""

    own: float
    other: float
    reason: str


def score_labels(rows: Candidates) -> Scores:
    """Nothing is said where answers have no label, or where like requests do not have like labels."""
    values = np.full(len(rows), np.nan)
    reasons = [""] * len(rows)
    labels = find_labels(example.conversation.answer for example in rows.examples)
    labelled = [row for row in range(len(rows)) if labels is not None and labels.values[row] is not None]
    if labels is None or len(labelled) < 2:
        return Scores(LABEL, values, np.zeros(len(rows)), reasons)
    own = [str(labels.values[row]) for row in labelled]
    nearest = find_nearest(rows.prompt_vectors[labelled]).rows
    votes = [
        _count_votes(label, [own[other] for other in others], labels.title)
        for label, others in zip(own, nearest, strict=True)
    ]
    if _agreement_beyond_chance(votes, own) >= LEAST_RELIABLE:
        for row, vote in zip(labelled, votes, strict=True):
            values[row], reasons[row] = vote.other - vote.own, vote.reason
    return Scores(LABEL, values, ramp(values, 0.0, 1.0), reasons)


def _count_votes(label: str, others: list[str], title: str) -> _Vote:
    counts = Counter(others)
    agreeing = counts.pop(label, 0)
    if not counts:
        return _Vote(1.0, 0.0, "")
    other, count = counts.most_common(1)[0]
    reason = f"{count} of the {len(others)} nearest requests are answered with {title} {other!r}, not {label!r}"
    return _Vote(agreeing / len(others), count / len(others), reason)


def _agreement_beyond_chance(votes: list[_Vote], labels: list[str]) -> float:
    chance = sum((count / len(labels)) ** 2 for count in Counter(labels).values())
    observed = sum(vote.own for vote in votes) / len(votes)
    return (observed - chance) / (1 - chance) if chance < 1 else 0.0
