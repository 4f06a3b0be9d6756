from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.evaluation.graders.protocol import LabelPair
from luthier.evaluation.labels import summarise_labels
from luthier.evaluation.result import ModelResult
from tests.evaluation.results import build_result


def label(pairs: list[tuple[str, str]], *, unanswered: int = 0) -> ModelResult:
    result = build_result("intents-v1", "f" * len(pairs) + "u" * unanswered)
    outcomes = [replace(outcome, label=LabelPair(*pair)) for outcome, pair in zip(result.outcomes, pairs, strict=False)]
    return ModelResult(result.manifest, (*outcomes, *result.outcomes[len(pairs) :]))


PAIRS = [("a", "a")] * 5 + [("a", "b")] * 2 + [("b", "b")] * 4 + [("b", ""), ("c", "a"), ("c", "c")]


def test_an_answer_that_is_none_of_the_labels_has_a_column_of_its_own() -> None:
    summary = summarise_labels(label(PAIRS, unanswered=2))
    assert summary is not None
    assert summary.classification.labels == ("a", "b", "c")
    assert summary.classification.matrix == ((5, 2, 0, 0), (0, 4, 0, 1), (1, 0, 1, 0))
    assert (summary.none_of_them, summary.unanswered) == (1, 2)


def test_a_declared_label_that_no_reference_has_is_a_column_too() -> None:
    summary = summarise_labels(label([("a", "a"), ("b", "d"), ("a", "b")]))
    assert summary is not None
    assert summary.classification.labels == ("a", "b", "d")


def test_a_grader_without_labels_has_no_summary() -> None:
    assert summarise_labels(build_result("orders-v1", "ppf")) is None


def test_an_answer_without_a_label_costs_recall() -> None:
    summary = summarise_labels(label(PAIRS))
    assert summary is not None
    f1 = [10 / 13, 8 / 11, 2 / 3]  # twice the right ones, by the wanted and the given ones together
    assert summary.classification.macro_f1.value == pytest.approx(sum(f1) / 3)
    assert summary.classification.per_label[1].recall is not None
    assert summary.classification.per_label[1].recall.value == pytest.approx(4 / 5)


def test_rows_that_belong_together_widen_the_interval() -> None:
    result = label(PAIRS * 4)
    alone = summarise_labels(result, clusters=[""] * len(PAIRS) * 4)
    together = summarise_labels(result, clusters=[str(place % len(PAIRS)) for place in range(len(PAIRS) * 4)])
    assert alone is not None
    assert together is not None
    widths = [each.classification.macro_f1.interval for each in (alone, together)]
    assert widths[1][1] - widths[1][0] > 1.5 * (widths[0][1] - widths[0][0])
