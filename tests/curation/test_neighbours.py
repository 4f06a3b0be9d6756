"""Nearest rows and ranks are those of the whole matrix, in however many blocks they are computed."""

from __future__ import annotations

import numpy as np
import pytest

from luthier.curation import neighbours
from luthier.curation.neighbours import find_nearest, rank_own


def make_vectors(count: int, *, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@pytest.fixture(params=[64 * 2**20, 1000], ids=["one block", "many blocks"])
def block_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", request.param)


@pytest.mark.usefixtures("block_bytes")
def test_the_nearest_are_those_of_the_greatest_cosine_and_never_the_row_itself() -> None:
    vectors = make_vectors(60)
    nearest = find_nearest(vectors, count=5).rows
    for row in range(60):
        others = [other for other in range(60) if other != row]
        assert nearest[row].tolist() == sorted(others, key=lambda other: -float(vectors[row] @ vectors[other]))[:5]


@pytest.mark.usefixtures("block_bytes")
def test_ranks_count_the_answers_that_are_nearer_than_the_own_one() -> None:
    asking, answering = make_vectors(40), make_vectors(40, seed=1)
    similarities = asking @ answering.T
    expected = [(similarities[row] > similarities[row, row]).mean() for row in range(40)]
    assert rank_own(asking, answering).tolist() == expected
    assert rank_own(asking, asking).tolist() == [0.0] * 40


def test_two_rows_have_one_neighbour_each_and_one_row_has_none() -> None:
    assert find_nearest(make_vectors(2)).rows.tolist() == [[1], [0]]
    assert find_nearest(make_vectors(1)).rows.shape == (1, 0)


def test_of_rows_that_are_as_near_the_earlier_comes_first() -> None:
    assert find_nearest(np.ones((4, 1), np.float32), count=3).rows[2].tolist() == [0, 1, 3]
