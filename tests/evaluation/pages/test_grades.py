from __future__ import annotations

import pytest

from luthier.evaluation.fields import FieldSummary
from luthier.evaluation.labels import LabelSummary
from luthier.evaluation.pages.grades import (
    MOST_LABELS_IN_MATRIX,
    build_fields,
    build_label_rows,
    build_labels,
    compare_counts,
    shade_of,
)
from luthier.stats.classification import measure_labels

OLD = (FieldSummary("name", 4, 0, 6), FieldSummary("date", 2, 8))
NEW = (FieldSummary("name", 9, 1), FieldSummary("date", 2, 3, 5), FieldSummary("tip", invented=3))


def summarise(wanted: list[str], got: list[str]) -> LabelSummary:
    return LabelSummary(measure_labels(wanted, got), 0)


def test_each_field_goes_from_the_baseline_to_the_candidate() -> None:
    table = build_fields({"old": OLD, "new": NEW}, ["old", "new"])
    assert table is not None
    name, date, tip = table.rows
    assert [(each.before, each.now, each.tone) for each in name.counts] == [
        ("4", "9", "passed"), ("0", "1", "failed"), ("6", "0", "passed"), ("0", "0", ""),
    ]  # fmt: skip
    assert [each.now for each in date.counts] == ["2", "3", "5", "0"]
    assert (tip.f1.before, tip.f1.now, tip.recall, tip.precision) == ("–", "0.00", "–", "0.00")
    assert [each.now for each in table.total.counts] == ["11", "4", "5", "3"]
    assert (name.precision, name.recall) == ("0.90", "0.90")


def test_one_model_alone_has_nothing_before() -> None:
    table = build_fields({"new": NEW}, ["new"])
    assert table is not None
    assert {each.before for row in table.rows for each in (row.f1, *row.counts)} == {""}


def test_without_fields_there_is_no_table() -> None:
    assert build_fields({}, ["old", "new"]) is None


@pytest.mark.parametrize(("counts", "tone"), [([1, 2], "passed"), ([2, 1], "failed"), ([2, 2], ""), ([3], "")])
def test_what_got_better_and_worse_is_told_apart(counts: list[int], tone: str) -> None:
    assert compare_counts(counts, is_good=True).tone == tone


def test_the_matrix_has_the_counts_and_the_diagonal_is_right() -> None:
    (table,) = build_labels({"m": summarise(["a", "a", "b", "b"], ["a", "b", "b", ""])}, ["m"])
    assert table.columns == ("a", "b", "none of them")
    assert [[cell.cases for cell in row.cells] for row in table.rows] == [[1, 1, 0], [0, 1, 1]]
    assert [[cell.is_right for cell in row.cells] for row in table.rows] == [[True, False, False], [False, True, False]]


def test_many_labels_become_a_list_of_the_commonest_mistakes() -> None:
    labels = [f"label {index:02d}" for index in range(MOST_LABELS_IN_MATRIX + 1)]
    got = [labels[1], labels[1], *labels[1:]]
    (table,) = build_labels({"m": summarise([labels[0], *labels], got)}, ["m"])
    assert table.rows == ()
    assert table.confusions[0] == ("label 00", "label 01", 2)


def test_a_label_row_has_the_interval_of_its_score() -> None:
    found = {"old": summarise(["a", "b"], ["", "b"]), "new": summarise(["a", "b"], ["a", "b"])}
    rows = build_label_rows(found, ["old", "new"])
    assert [(row.label, row.wanted, row.f1.before, row.f1.now) for row in rows] == [
        ("a", 1, "0.00", "1.00"), ("b", 1, "1.00", "1.00"),
    ]  # fmt: skip
    assert " to " in rows[0].interval
    assert build_label_rows({}, ["old"]) == ()


def test_one_wanted_label_has_no_correlation() -> None:
    (table,) = build_labels({"m": summarise(["a", "a"], ["a", ""])}, ["m"])
    assert dict(table.summary)["Matthews correlation"] == "not known: only one label is wanted"


def test_shades_tell_nothing_from_little() -> None:
    assert [shade_of(fraction) for fraction in (0.0, 0.01, 0.5, 1.0)] == [0, 1, 2, 5]
