from __future__ import annotations

from dataclasses import replace

from luthier.conversation import Message, ToolCall
from luthier.evaluation.formats import are_references_json, check_format
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.result import ModelResult
from luthier.evaluation.task import Sample
from tests.evaluation.results import build_result

CALL = ToolCall("1", "find", "{}")


def build_samples(*references: str) -> tuple[Sample, ...]:
    return tuple(
        Sample(f"case-{line}", (Message("user", "?"),), reference, line, f"case-{line}")
        for line, reference in enumerate(references, start=1)
    )


def write(name: str, letters: str, *texts: str) -> ModelResult:
    result = build_result(name, letters)
    outcomes = (replace(outcome, output=text) for outcome, text in zip(result.outcomes, texts, strict=True))
    return replace(result, outcomes=tuple(outcomes))


def test_an_answer_lacks_the_form_when_it_is_wrong_missing_or_cut() -> None:
    samples = build_samples(*["{}"] * 4)
    before = write("a", "fftu", '{"a": 1}', "Sure!", '{"a"', "")
    after = write("b", "pppp", "{}", "[]", "1", '{"a": 1} and more')
    found = check_format(parse_grader("valid-json"), samples, before, after)
    assert found.baseline_invalid == (False, True, True, True)
    assert found.candidate_invalid[0] is False
    assert found.candidate_invalid[3] is True
    assert found.grader == "valid-json"


def test_where_a_call_is_wanted_no_text_lacks_a_form() -> None:
    (sample,) = build_samples("")
    calling = (replace(sample, reference_calls=(CALL,)),)
    found = check_format(parse_grader("valid-json"), calling, write("a", "f", "Sure!"), write("b", "f", ""))
    assert found.baseline_invalid == found.candidate_invalid == (False,)


def test_json_is_asked_for_where_every_reference_is_json() -> None:
    assert are_references_json(build_samples('{"a": 1}', "[1]"))
    assert not are_references_json(build_samples('{"a": 1}', "yes"))
    assert not are_references_json(build_samples("1", "2"))
    (sample,) = build_samples("")
    assert not are_references_json((replace(sample, reference_calls=(CALL,)),))
