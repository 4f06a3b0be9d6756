from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.engine.protocol import Sampling, Structure
from luthier.errors import UnlikeComparison
from luthier.evaluation.compare import compare_results
from luthier.evaluation.result import ModelResult
from luthier.stats.paired import mcnemar_exact
from tests.evaluation.results import build_result

BASELINE = build_result("smollm2", "ppfftf")
CANDIDATE = build_result("orders-v1", "pfppfp")


def with_condition(result: ModelResult, **conditions: object) -> ModelResult:
    return replace(result, manifest=replace(result.manifest, **conditions))


def test_every_case_is_counted_once_by_what_became_of_it() -> None:
    comparison = compare_results(BASELINE, CANDIDATE)
    assert comparison.fixed_samples == ("case-3", "case-4", "case-6")
    assert comparison.broken_samples == ("case-2",)
    assert (comparison.fixed, comparison.broken, comparison.both_passed, comparison.both_failed) == (3, 1, 1, 1)
    assert comparison.difference == pytest.approx(2 / 6)
    assert comparison.interval.low < comparison.difference < comparison.interval.high
    assert comparison.p_value == mcnemar_exact(3, 1)
    assert comparison.same_prompts


@pytest.mark.parametrize(
    ("conditions", "named"),
    [
        ({"data_fingerprint": "other"}, "the test data"),
        ({"grader": "exact"}, "the grader"),
        ({"sampling": Sampling(max_tokens=9)}, "the sampling"),
        ({"structure": Structure("json_object")}, "the structure of the answers"),
        ({"engine": "vllm"}, "the engine"),
    ],
)
def test_results_under_different_conditions_are_refused(conditions: dict[str, object], named: str) -> None:
    with pytest.raises(UnlikeComparison, match=named):
        compare_results(BASELINE, with_condition(CANDIDATE, **conditions))


def test_all_that_differs_is_named_at_once() -> None:
    with pytest.raises(UnlikeComparison, match=r"the grader \(json and exact\); the engine \(torch and vllm\)"):
        compare_results(BASELINE, with_condition(CANDIDATE, grader="exact", engine="vllm"))


def test_one_different_prompt_under_the_same_template_is_refused() -> None:
    outcomes = list(CANDIDATE.outcomes)
    outcomes[4] = replace(outcomes[4], prompt_hash="other")
    with pytest.raises(UnlikeComparison, match=r"different prompts in 1 of 6 cases \(lines 5\)"):
        compare_results(BASELINE, replace(CANDIDATE, outcomes=tuple(outcomes)))


def test_another_template_is_allowed_and_told() -> None:
    outcomes = tuple(replace(outcome, prompt_hash="other") for outcome in CANDIDATE.outcomes)
    other = replace(with_condition(CANDIDATE, template_hash="other"), outcomes=outcomes)
    assert not compare_results(BASELINE, other).same_prompts


def test_models_of_two_templates_may_have_engines_of_their_own() -> None:
    hosted = with_condition(CANDIDATE, template_hash="of the server", engine="remote/chat-completions")
    assert not compare_results(BASELINE, hosted).same_prompts


def test_a_case_without_an_answer_never_speaks_for_the_candidate() -> None:
    comparison = compare_results(build_result("smollm2", "upuufp"), build_result("orders-v1", "puufpp"))
    assert (comparison.fixed_samples, comparison.broken_samples) == (("case-5",), ("case-2",))
    assert (comparison.both_passed, comparison.both_failed, comparison.total) == (1, 3, 6)
    assert comparison.unanswered == 4


def test_other_samples_under_the_same_fingerprint_are_refused() -> None:
    with pytest.raises(UnlikeComparison, match="the samples or their order"):
        compare_results(BASELINE, replace(CANDIDATE, outcomes=CANDIDATE.outcomes[::-1]))


def test_a_model_is_not_compared_with_itself() -> None:
    with pytest.raises(UnlikeComparison, match="both results are from smollm2"):
        compare_results(BASELINE, BASELINE)
