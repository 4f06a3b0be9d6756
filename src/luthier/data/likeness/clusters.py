"""Vectors become clusters, each with the row that stands for it, by which one sees what a file is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from luthier.data.likeness.meaning import Vectors

MOST_CLUSTERS = 10
"""As many as one looks at."""

ROWS_PER_CLUSTER = 25
"""With fewer rows than this for each, a cluster is chance."""

ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows that are alike, by their indices in order; `central` is the one most like all of them."""

    central: int
    members: tuple[int, ...]

    @property
    def count(self) -> int:
        return len(self.members)


def find_clusters(vectors: Vectors) -> tuple[Cluster, ...]:
    """At most ten, the largest first; always the same ones for the same vectors."""
    if not len(vectors):
        return ()
    count = min(MOST_CLUSTERS, max(1, len(vectors) // ROWS_PER_CLUSTER))
    centres = _choose_centres(vectors, count)
    for _ in range(ROUNDS):
        labels = (vectors @ centres.T).argmax(axis=1)
        centres = np.stack([_find_centre(vectors[labels == label], centre) for label, centre in enumerate(centres)])
    clusters = [_describe(vectors, np.flatnonzero(labels == label), centre) for label, centre in enumerate(centres)]
    return tuple(sorted(filter(None, clusters), key=lambda cluster: (-cluster.count, cluster.central)))


def _choose_centres(vectors: Vectors, count: int) -> Vectors:
    """By k-means++ (Arthur & Vassilvitskii 2007): far from one another, but seldom a row that stands alone."""
    dice = np.random.default_rng(0)
    chosen = [int(dice.integers(len(vectors)))]
    while len(chosen) < count:
        distances = np.maximum(1 - (vectors @ vectors[chosen].T).max(axis=1), 0).astype(float) + 1e-12
        chosen.append(int(dice.choice(len(vectors), p=distances / distances.sum())))
    return vectors[chosen]


def _find_centre(members: Vectors, former: Vectors) -> Vectors:
    if not len(members):
        return former
    centre: Vectors = members.mean(axis=0)
    return centre / max(float(np.linalg.norm(centre)), 1e-6)


def _describe(vectors: Vectors, members: np.ndarray[tuple[int], np.dtype[np.intp]], centre: Vectors) -> Cluster | None:
    if not len(members):
        return None
    return Cluster(int(members[(vectors[members] @ centre).argmax()]), tuple(members.tolist()))
