from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.evaluation.fields import FieldSummary, summarise_fields, total_fields
from luthier.evaluation.graders.fields.grading import grade_fields
from luthier.evaluation.result import ModelResult
from tests.evaluation.results import build_result

REFERENCE = '{"name": "Ann", "items": [{"price": 1}, {"price": 2}]}'


def summarise(*texts: str) -> tuple[FieldSummary, ...]:
    result = build_result("orders-v1", "f" * len(texts) + "u")
    graded = [
        replace(outcome, fields=grade_fields(text, REFERENCE).fields)
        for outcome, text in zip(result.outcomes, texts, strict=False)
    ]
    return summarise_fields(ModelResult(result.manifest, (*graded, *result.outcomes[len(texts) :])))


def test_each_field_is_counted_over_all_answers_in_the_order_of_the_reference() -> None:
    found = summarise(
        REFERENCE,
        '{"note": 1, "name": "Bob", "items": [{"price": 1}, {"price": 3}]}',
        '{"items": [{"price": 2}]}',
        "no",
    )
    assert found == (
        FieldSummary("name", right=1, wrong=1, omitted=2),
        FieldSummary("items[].price", right=4, wrong=1, omitted=3),
        FieldSummary("note", invented=1),
    )
    assert total_fields(found) == FieldSummary("", right=5, wrong=2, omitted=5, invented=1)


def test_the_kinds_of_error_count_against_what_they_spoil() -> None:
    summary = FieldSummary("a", right=6, wrong=2, omitted=2, invented=4)
    assert (summary.precision, summary.recall) == (0.5, 0.6)
    assert summary.f1 == pytest.approx(2 * 0.5 * 0.6 / 1.1)


def test_where_there_is_nothing_to_count_there_is_no_number() -> None:
    assert FieldSummary("a", invented=3).recall is None
    assert FieldSummary("a", omitted=3).precision is None
    assert FieldSummary("a").f1 is None
    assert FieldSummary("a", omitted=3).f1 == 0.0


def test_a_grader_without_fields_has_no_summary() -> None:
    assert summarise_fields(build_result("orders-v1", "ppf")) == ()
