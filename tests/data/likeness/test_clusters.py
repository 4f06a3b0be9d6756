"""Clusters find what was put together, name it by a row of its own, and do so again the next time."""

from __future__ import annotations

import numpy as np

from luthier.data.likeness.clusters import MOST_CLUSTERS, find_clusters


def heaps(*sizes: int) -> np.ndarray:
    """Vectors around so many directions at right angles to one another."""
    dice = np.random.default_rng(0)
    centres = np.repeat(np.eye(len(sizes), 32), sizes, axis=0)
    vectors = centres + dice.normal(scale=0.05, size=centres.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_heaps_are_found_the_largest_first_with_a_row_of_each() -> None:
    clusters = find_clusters(heaps(15, 45, 30))
    assert [cluster.count for cluster in clusters] == [45, 30, 15]
    assert clusters[0].members == tuple(range(15, 60))
    assert all(cluster.central in cluster.members for cluster in clusters)


def test_the_same_vectors_give_the_same_clusters() -> None:
    vectors = np.random.default_rng(1).normal(size=(300, 16)).astype(np.float32)
    assert find_clusters(vectors) == find_clusters(vectors)


def test_every_row_is_in_one_cluster_and_there_are_not_many() -> None:
    clusters = find_clusters(np.random.default_rng(2).normal(size=(1000, 16)).astype(np.float32))
    assert sorted(member for cluster in clusters for member in cluster.members) == [*range(1000)]
    assert len(clusters) <= MOST_CLUSTERS


def test_few_or_equal_rows_are_one_cluster() -> None:
    assert [cluster.count for cluster in find_clusters(heaps(5, 5))] == [10]
    assert sum(cluster.count for cluster in find_clusters(np.ones((100, 4), np.float32) / 2)) == 100
    assert find_clusters(np.empty((0, 4), np.float32)) == ()
