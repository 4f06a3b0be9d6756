"""Wanted and given labels become a confusion matrix and its scores, each with an interval that covers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from luthier.stats.intervals import Interval, Measured, wilson_interval
from luthier.stats.matrices import LabelledCases, Linearised, measure_score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class LabelScores(NamedTuple):
    """Of `wanted` cases with this label and `got` answers of it. A score of no case is None.

    The intervals are Wilson's and take each case for itself. F1 is a rate too, in disguise: with J the share of cases
    right among all that have the label or were given it, F1 = 2J / (1 + J).
    """

    label: str
    wanted: int
    got: int
    right: int
    precision: Measured | None
    recall: Measured | None
    f1: Measured | None


class Classification(NamedTuple):
    """`matrix` has a row for each wanted label, a column for each given one, and one more for answers without a label.

    `macro_f1` is the mean over labels that occur; where many labels have fewer than five cases, its interval covers 84
    percent at worst. `mcc`, from -1 to 1, is that of Gorodkin for several labels, and None when only one label is
    wanted, because then nothing can be told apart.
    """

    labels: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]
    accuracy: Measured
    macro_f1: Measured
    mcc: Measured | None
    per_label: tuple[LabelScores, ...]


def measure_labels(
    wanted: Sequence[str],
    got: Sequence[str],
    *,
    labels: Sequence[str] | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> Classification:
    """What is got and is none of `labels` counts as no label; without `labels` they are all that are wanted.

    Raises ValueError for no cases, for two sequences of unlike length, or for a wanted label that is not in `labels`.
    """
    names = tuple(dict.fromkeys(labels)) if labels is not None else tuple(sorted(set(wanted)))
    places = {name: place for place, name in enumerate(names)}
    if len(wanted) != len(got) or not wanted:
        raise ValueError(f"{len(wanted)} wanted labels and {len(got)} given ones are no pairs")
    if unknown := sorted(set(wanted) - set(names)):
        raise ValueError(f"not among the labels: {', '.join(unknown)}")
    rows = np.array([places[label] for label in wanted])
    columns = np.array([places.get(label, len(names)) for label in got])
    matrix = np.zeros((len(names), len(names) + 1))
    np.add.at(matrix, (rows, columns), 1)
    cases = LabelledCases(matrix, rows, columns, clusters)
    return Classification(
        labels=names,
        matrix=tuple(tuple(row) for row in matrix.astype(int).tolist()),
        accuracy=measure_accuracy(cases),
        macro_f1=measure_score(cases, linearise_macro_f1, lowest=0.0),
        mcc=measure_score(cases, linearise_mcc, lowest=-1.0) if len(set(wanted)) > 1 else None,
        per_label=tuple(score_label(name, matrix, place) for place, name in enumerate(names)),
    )


def measure_accuracy(cases: LabelledCases) -> Measured:
    """Wilson's interval where each case stands alone."""
    if cases.clusters is not None:
        return measure_score(cases, linearise_accuracy, lowest=0.0)
    right, total = int(np.sum(cases.rows == cases.columns)), len(cases.rows)
    return Measured(right / total, wilson_interval(right, total))


def linearise_accuracy(matrix: NDArray[np.float64]) -> Linearised:
    is_right = np.eye(*matrix.shape)
    accuracy = float(np.sum(matrix * is_right) / matrix.sum())
    return Linearised(accuracy, is_right - accuracy)


def linearise_macro_f1(matrix: NDArray[np.float64]) -> Linearised:
    """Source: Takahashi and others, Applied Intelligence 52 (2022), 4961-4972, for the derivatives."""
    count = len(matrix)
    halves = matrix.sum(axis=1) + matrix.sum(axis=0)[:count]  # twice the denominator of each label's F1
    occurs = halves > 0
    f1 = np.divide(2 * np.diagonal(matrix), halves, out=np.zeros(count), where=occurs)
    share = np.divide(matrix.sum(), halves, out=np.zeros(count), where=occurs)
    influences = -(f1 * share)[:, None] - np.append(f1 * share, 0.0)[None, :]
    influences[np.arange(count), np.arange(count)] += 2 * share
    return Linearised(float(f1[occurs].mean()), influences / occurs.sum())


def linearise_mcc(matrix: NDArray[np.float64]) -> Linearised:
    """0 when all answers are one label. Source: Gorodkin, Computational Biology and Chemistry 28 (2004), 367-374."""
    shares = matrix / matrix.sum()
    wanted, got = np.append(shares.sum(axis=1), 0.0), shares.sum(axis=0)
    is_right = np.eye(*matrix.shape)
    right, by_luck = float(np.sum(shares * is_right)), float(wanted @ got)
    wanted_spread, got_spread = 1 - float(wanted @ wanted), 1 - float(got @ got)
    if got_spread <= 0:
        return Linearised(0.0, np.zeros(matrix.shape))
    scale = float(np.sqrt(wanted_spread * got_spread))
    value = (right - by_luck) / scale
    rows, columns = np.arange(len(matrix))[:, None], np.arange(len(got))[None, :]
    above = (is_right - right) - (wanted[columns] - by_luck) - (got[rows] - by_luck)
    below = (1 - wanted_spread - wanted[rows]) / wanted_spread + (1 - got_spread - got[columns]) / got_spread
    return Linearised(value, above / scale - value * below)


def score_label(name: str, matrix: NDArray[np.float64], place: int) -> LabelScores:
    wanted, got = int(matrix[place].sum()), int(matrix[:, place].sum())
    right = int(matrix[place, place])
    either = wanted + got - right
    f1 = None
    if either:
        low, high = wilson_interval(right, either)
        f1 = Measured(2 * right / (wanted + got), Interval(2 * low / (1 + low), 2 * high / (1 + high)))
    return LabelScores(name, wanted, got, right, measure_rate(right, got), measure_rate(right, wanted), f1)


def measure_rate(right: int, total: int) -> Measured | None:
    return Measured(right / total, wilson_interval(right, total)) if total else None
