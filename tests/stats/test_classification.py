"""Scores of labels, against scikit-learn's definitions worked out by hand, and their intervals by simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from luthier.stats.classification import linearise_macro_f1, linearise_mcc, measure_labels
from luthier.stats.intervals import wilson_interval
from luthier.stats.means import estimate_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from luthier.stats.matrices import Linearised

WANTED = list("aaaaaabbbbcc")
GOT = ["a", "a", "a", "a", "b", "x", "b", "b", "b", "a", "c", "a"]
DRAWS = 250
NAMES = np.array(["a", "b", "c", "d"])


def population(*, accuracy: float, shares: tuple[float, ...]) -> NDArray[np.float64]:
    """What a model does: each label is right so often, and otherwise any of the others."""
    count = len(shares)
    wrong = np.full((count, count), (1 - accuracy) / (count - 1))
    np.fill_diagonal(wrong, accuracy)
    return np.array(shares)[:, None] * wrong


POPULATIONS = {
    "two": population(accuracy=0.8, shares=(0.5, 0.5)),
    "two, nearly perfect": population(accuracy=0.97, shares=(0.7, 0.3)),
    "four": population(accuracy=0.7, shares=(0.4, 0.3, 0.2, 0.1)),
    "four, nearly perfect": population(accuracy=0.96, shares=(0.25, 0.25, 0.25, 0.25)),
}


def find_truth(linearise: Callable[[NDArray[np.float64]], Linearised], shares: NDArray[np.float64]) -> float:
    return linearise(np.column_stack([shares, np.zeros(len(shares))])).value


def draw_labels(shares: NDArray[np.float64], total: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    cells = rng.choice(shares.size, p=shares.ravel(), size=total)
    return NAMES[cells // len(shares)].tolist(), NAMES[cells % len(shares)].tolist()


def test_the_matrix_has_a_column_for_answers_that_are_no_label() -> None:
    found = measure_labels(WANTED, GOT)
    assert found.labels == ("a", "b", "c")
    assert found.matrix == ((4, 1, 0, 1), (1, 3, 0, 0), (1, 0, 1, 0))


def test_the_scores_of_each_label_are_counted() -> None:
    first, _, third = measure_labels(WANTED, GOT).per_label
    assert (first.wanted, first.got, first.right) == (6, 6, 4)
    assert first.precision is not None
    assert first.recall is not None
    assert first.f1 is not None
    assert (first.precision.value, first.recall.value, first.f1.value) == pytest.approx((4 / 6, 4 / 6, 4 / 6))
    assert third.f1 is not None
    assert third.f1.value == pytest.approx(2 * 1 / (2 + 1))


def test_the_scores_of_all_labels_are_those_of_their_definitions() -> None:
    found = measure_labels(WANTED, GOT)
    assert found.accuracy.value == pytest.approx(8 / 12)
    assert found.macro_f1.value == pytest.approx((8 / 12 + 6 / 8 + 2 / 3) / 3)
    # Gorodkin's: correct * total less the sums' products, over the root of what it could be at most.
    wanted, got = np.array([6, 4, 2, 0]), np.array([6, 4, 1, 1])
    expected = (8 * 12 - wanted @ got) / np.sqrt((144 - wanted @ wanted) * (144 - got @ got))
    assert found.mcc is not None
    assert found.mcc.value == pytest.approx(expected)


def test_the_correlation_of_two_labels_is_matthews() -> None:
    wanted, got = list("ppppppnnnn"), list("ppppnnnnnp")
    found = measure_labels(wanted, got).mcc
    assert found is not None
    assert found.value == pytest.approx(np.corrcoef([w == "p" for w in wanted], [g == "p" for g in got])[0, 1])


@pytest.mark.parametrize("linearise", [linearise_macro_f1, linearise_mcc])
def test_the_derivatives_are_those_of_a_tiny_step(linearise: Callable[[NDArray[np.float64]], Linearised]) -> None:
    matrix = np.random.default_rng(1).integers(1, 30, size=(3, 4)).astype(np.float64)
    found = linearise(matrix)
    assert np.sum(found.influences * matrix) == pytest.approx(0, abs=1e-9)
    for place in np.ndindex(*matrix.shape):
        step = matrix.copy()
        step[place] += 1e-5
        slope = (linearise(step).value - found.value) / 1e-5 * matrix.sum()
        assert found.influences[place] == pytest.approx(slope, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("total", [24, 60, 200])
@pytest.mark.parametrize("shares", POPULATIONS.values(), ids=POPULATIONS.keys())
def test_the_intervals_cover_as_they_claim(shares: NDArray[np.float64], total: int) -> None:
    rng = np.random.default_rng(43)
    truths = find_truth(linearise_macro_f1, shares), find_truth(linearise_mcc, shares)
    covered = np.zeros(2)
    for _ in range(DRAWS):
        found = measure_labels(*draw_labels(shares, total, rng), labels=NAMES[: len(shares)].tolist())
        measured = (found.macro_f1, found.mcc)
        covered += [
            each is not None and each.interval.low <= truth <= each.interval.high
            for each, truth in zip(measured, truths, strict=True)
        ]
    # Three standard errors of 250 draws are four points.
    assert min(covered / DRAWS) >= 0.91


def test_a_plain_delta_method_fails_the_same_bar_near_perfection() -> None:
    shares = POPULATIONS["two, nearly perfect"]
    rng, truth, covered = np.random.default_rng(43), find_truth(linearise_macro_f1, shares), 0
    for _ in range(DRAWS):
        cells = rng.choice(shares.size, p=shares.ravel(), size=24)
        matrix = np.column_stack([np.bincount(cells, minlength=4).reshape(2, 2), [0, 0]]).astype(np.float64)
        around = linearise_macro_f1(matrix)
        moves = around.influences[cells // 2, cells % 2]
        low, high = estimate_mean(moves)._replace(mean=around.value).interval()
        covered += low <= truth <= high
    assert covered / DRAWS < 0.6


@pytest.mark.parametrize("accuracy", [0.6, 0.9])
def test_the_intervals_of_one_label_cover_as_they_claim(accuracy: float) -> None:
    shares = population(accuracy=accuracy, shares=(0.3, 0.7))
    right, wanted, got = shares[0, 0], shares[0].sum(), shares[:, 0].sum()
    truths = (right / got, right / wanted, 2 * right / (wanted + got))
    rng, covered, draws = np.random.default_rng(47), np.zeros(3), 600
    for _ in range(draws):
        first = measure_labels(*draw_labels(shares, 60, rng), labels=["a", "b"]).per_label[0]
        measured = (first.precision, first.recall, first.f1)
        covered += [
            each is not None and each.interval.low <= truth <= each.interval.high
            for each, truth in zip(measured, truths, strict=True)
        ]
    assert min(covered / draws) >= 0.92


def test_the_interval_of_f1_is_that_of_a_rate() -> None:
    first = measure_labels(WANTED, GOT).per_label[0]
    assert first.f1 is not None
    low, high = wilson_interval(4, 8)  # right in 4 of the 8 cases that are a or were called so
    assert first.f1.interval == (pytest.approx(2 * low / (1 + low)), pytest.approx(2 * high / (1 + high)))


def test_cases_of_a_cluster_that_stand_or_fall_together_are_covered() -> None:
    shares = population(accuracy=0.8, shares=(0.5, 0.5))
    truth, draws = find_truth(linearise_macro_f1, shares), 400
    rng, covered, ignored = np.random.default_rng(53), 0, 0
    clusters = np.arange(120) // 5
    for _ in range(draws):
        wanted, got = (np.repeat(each, 5).tolist() for each in draw_labels(shares, 24, rng))
        low, high = measure_labels(wanted, got, labels=["a", "b"], clusters=clusters).macro_f1.interval
        covered += low <= truth <= high
        low, high = measure_labels(wanted, got, labels=["a", "b"]).macro_f1.interval
        ignored += low <= truth <= high
    assert covered / draws >= 0.925
    assert ignored / draws < 0.75  # the bar catches clusters that are ignored


def test_a_perfect_score_still_leaves_doubt() -> None:
    found = measure_labels(list("aabbcc"), list("aabbcc"))
    assert (found.accuracy.value, found.macro_f1.value) == (1.0, 1.0)
    assert found.macro_f1.interval.high == 1.0
    assert found.macro_f1.interval.low < 0.8


def test_one_wanted_label_has_no_correlation() -> None:
    found = measure_labels(list("aaaa"), ["a", "a", "b", ""], labels=["a", "b"])
    assert found.mcc is None
    assert found.per_label[1].recall is None
    assert found.per_label[1].precision is not None
    assert measure_labels(list("aaaa"), list("aaaa")).macro_f1.interval.low < 0.9


def test_always_the_same_answer_correlates_with_nothing() -> None:
    found = measure_labels(list("aabb"), list("aaaa")).mcc
    assert found is not None
    assert found.value == 0.0
    assert found.interval.low < 0 < found.interval.high


def test_a_label_that_is_neither_wanted_nor_given_is_left_out_of_the_mean() -> None:
    assert measure_labels(WANTED, GOT, labels=list("abcz")).macro_f1.value == measure_labels(WANTED, GOT).macro_f1.value
    assert measure_labels(WANTED, GOT, labels=list("abcz")).per_label[3].f1 is None


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        measure_labels([], [])
    with pytest.raises(ValueError, match="2 wanted labels and 1 given ones"):
        measure_labels(list("ab"), ["a"])
    with pytest.raises(ValueError, match="not among the labels: c"):
        measure_labels(WANTED, GOT, labels=["a", "b"])
