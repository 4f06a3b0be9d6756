"""The rows chosen are sound and cover the whole; the quick way chooses what the plain way would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from luthier.curation.selection import choose_rows
from tests.curation.test_neighbours import make_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence


def choose_plainly(vectors: np.ndarray, worths: np.ndarray, count: int) -> list[int]:
    """Facility location without any short cut."""
    similarities = np.clip(vectors @ vectors.T, 0, 1)
    chosen: list[int] = []
    for _ in range(count):
        covered = similarities[:, chosen].max(axis=1) if chosen else np.zeros(len(vectors))
        gains = np.maximum(similarities - covered[:, None], 0).sum(axis=0, dtype=np.float64) * worths
        gains[chosen] = -1
        chosen.append(int(np.argmax(gains)))
    return chosen


def measure_coverage(vectors: np.ndarray, kept: Sequence[int]) -> float:
    return float(np.clip(vectors @ vectors[list(kept)].T, 0, 1).max(axis=1).sum())


@pytest.mark.parametrize("seed", range(5))
def test_the_quick_way_covers_as_well_as_the_plain_one(seed: int) -> None:
    vectors = make_vectors(60, seed=seed)
    kept = choose_rows(vectors, np.zeros(60), count=25).order[:25]
    plain = choose_plainly(vectors, np.ones(60), 25)
    for count in range(1, 26):
        assert measure_coverage(vectors, kept[:count]) == pytest.approx(measure_coverage(vectors, plain[:count]), 1e-4)


def test_of_two_rows_that_are_worth_the_same_the_earlier_is_kept() -> None:
    angles = np.array([0.0, 0.3, 2.0, 2.3])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert choose_rows(vectors, np.zeros(4), count=2).order[:2] == (0, 2)


def test_every_row_has_one_place() -> None:
    choice = choose_rows(make_vectors(30), np.random.default_rng(0).random(30), count=10)
    assert sorted(choice.order) == list(range(30))
    assert choice.kept == 10


def test_of_ten_copies_one_is_kept_as_long_as_there_is_anything_else() -> None:
    vectors = np.concatenate([np.repeat(make_vectors(1), 10, axis=0), make_vectors(9, seed=1)])
    kept = choose_rows(vectors, np.zeros(19), count=8).order[:8]
    assert sum(row < 10 for row in kept) == 1


def test_suspicious_rows_are_kept_only_when_nothing_else_is_left() -> None:
    suspicions = np.array([0.9] * 10 + [0.0] * 20)
    assert min(choose_rows(make_vectors(30), suspicions, count=20).order[:20]) >= 10
    assert sum(row < 10 for row in choose_rows(make_vectors(30), suspicions, count=25).order[:25]) == 5


def test_rows_left_out_follow_by_suspicion() -> None:
    suspicions = np.linspace(0.9, 0.0, 20)
    rest = choose_rows(make_vectors(20), suspicions, count=4).order[4:]
    assert list(suspicions[list(rest)]) == sorted(suspicions[list(rest)])


def test_more_than_there_is_keeps_all() -> None:
    assert choose_rows(make_vectors(3), np.zeros(3), count=9).kept == 3
