from __future__ import annotations

import pytest

from luthier.errors import InvalidConfig, InvalidDataset
from luthier.evaluation.graders.label import LabelGrader, parse_label
from luthier.evaluation.graders.protocol import prepare_grader
from tests.evaluation.graders.samples import build_sample, grade_text

SAMPLES = [build_sample(label) for label in ("spam", "ham", "spam")]
READY = parse_label("").prepare(SAMPLES)


def test_labels_come_from_the_data_and_the_name_stays() -> None:
    assert READY.labels == ("ham", "spam")
    assert (READY.name, parse_label("").name) == ("label", "label")
    assert READY.definition != parse_label("").definition


def test_a_wrong_label_and_none_at_all_are_kept_apart() -> None:
    right, wrong, neither = (grade_text(READY, text, "spam") for text in (" spam\n", "ham", "It is spam."))
    assert (right.passed, right.label) == (True, ("spam", "spam"))
    assert (wrong.passed, wrong.label, wrong.explanation) == (False, ("spam", "ham"), "expected 'spam', got 'ham'")
    assert (neither.passed, neither.label) == (False, ("spam", ""))
    assert neither.explanation == "'It is spam.' is none of the labels, expected 'spam'"
    assert not grade_text(READY, "SPAM", "spam").passed


def test_a_label_can_be_a_field_of_a_json_answer() -> None:
    grader = parse_label(":result.intent=buy|sell|true")
    assert grader.name == "label:result.intent=buy|sell|true"
    reference = '{"result": {"intent": "buy"}, "more": 1}'
    assert grade_text(grader, '{"result": {"intent": "buy"}}', reference).passed
    assert grade_text(grader, '{"result": {"intent": true}}', reference).label == ("buy", "true")
    for text in ("buy", '{"result": "buy"}', '{"result": {"intent": {}}}', '{"result": {"intent": ""}}', "{"):
        assert grade_text(grader, text, reference).label == ("buy", "")


def test_declared_labels_stay_as_they_are_and_a_reference_must_be_one_of_them() -> None:
    grader = parse_label("=spam|ham|eggs")
    assert grader.prepare(SAMPLES).labels == ("spam", "ham", "eggs")
    assert grader.reference_problem(build_sample("ham")) is None
    assert grader.reference_problem(build_sample("tofu")) == (
        "the label 'tofu' is none of those declared, spam, ham, eggs"
    )
    assert parse_label(":a").reference_problem(build_sample("{}")) == "the answer has no label at a"


def test_one_class_is_refused_before_the_run() -> None:
    with pytest.raises(InvalidDataset, match="every answer has the label 'spam'") as refused:
        prepare_grader(parse_label("=spam|ham"), [build_sample("spam")] * 3)
    assert "exact" in refused.value.hint


def test_answers_that_are_all_different_are_no_labels() -> None:
    answers = [build_sample(f"a text of its own, {number}") for number in range(12)]
    with pytest.raises(InvalidDataset, match="12 different labels, so they are no labels"):
        parse_label("").prepare(answers)
    assert len(parse_label("").prepare(answers[:3]).labels) == 3
    many = [build_sample(str(number % 201)) for number in range(402)]
    with pytest.raises(InvalidDataset, match="201 different labels"):
        parse_label("").prepare(many)


@pytest.mark.parametrize("text", [":", ":a..b", "=", "=a", "=a|a", "=a||b", ":=a|b"])
def test_a_form_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidConfig, match="grader 'label"):
        parse_label(text)


def test_an_unprepared_grader_knows_the_reference_alone() -> None:
    assert grade_text(LabelGrader(), "spam", "spam").passed
