from __future__ import annotations

from dataclasses import replace

from luthier.advise.diagnosis import diagnose, find_form
from luthier.evaluation.result import ModelResult
from luthier.evaluation.task import Sample
from tests.evaluation.graders.samples import build_sample
from tests.evaluation.results import build_result

JSON = [build_sample('{"a": 1}') for _ in range(4)]


def answer(letters: str, outputs: list[str]) -> ModelResult:
    result = build_result("clerk", letters)
    outcomes = [replace(each, output=text) for each, text in zip(result.outcomes, outputs, strict=True)]
    return ModelResult(result.manifest, tuple(outcomes))


def test_answers_that_are_no_json_are_a_matter_of_form() -> None:
    found = diagnose(answer("fffp", ["Sure!", "```json\n{}```", '{"a": 2}', '{"a": 1}']), JSON)
    assert (found.form, found.wrong_form, found.wrong_content, found.failed) == ("JSON", 2, 1, 3)
    assert found.is_about_form
    assert not found.is_about_content


def test_what_was_cut_off_or_never_came_is_counted_apart() -> None:
    found = diagnose(answer("tugf", ["{", "", "?", '{"a": 2}']), JSON)
    assert (found.cut_off, found.unanswered, found.wrong_content) == (1, 2, 1)


def test_a_few_answers_that_come_again_and_again_are_labels() -> None:
    samples = [build_sample(label) for label in ("yes", "no", "yes", "No")]
    found = diagnose(answer("ffpp", ["perhaps", "yes", "yes", "no"]), samples)
    assert (found.form, found.wrong_form, found.wrong_content) == ("one of 2 labels", 1, 1)


def test_free_texts_have_no_form() -> None:
    samples = [build_sample(f"text number {index}") for index in range(4)]
    assert find_form(samples) is None
    assert diagnose(answer("ffpp", ["a", "b", "c", "d"]), samples).wrong_content == 2


def test_no_samples_have_no_form() -> None:
    nothing: list[Sample] = []
    assert find_form(nothing) is None
