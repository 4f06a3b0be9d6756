from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.engine.protocol import Sampling, Structure
from luthier.errors import UnlikeComparison
from luthier.evaluation.compare import compare_results
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.result import ModelResult
from luthier.evaluation.task import Criterion
from tests.evaluation.results import build_result

BASELINE = build_result("smollm2", "ppfftf")
CANDIDATE = build_result("orders-v1", "pfppfp")


def with_condition(result: ModelResult, **conditions: object) -> ModelResult:
    return replace(result, manifest=replace(result.manifest, **conditions))


@pytest.mark.parametrize(
    ("conditions", "named"),
    [
        ({"data_fingerprint": "other"}, "the test data"),
        ({"grader": "exact"}, "the grader"),
        ({"sampling": Sampling(max_tokens=9)}, "the sampling"),
        ({"structure": Structure("json_object")}, "the structure of the answers"),
        ({"criteria": ("exact",)}, "the further criteria"),
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


def test_other_samples_under_the_same_fingerprint_are_refused() -> None:
    with pytest.raises(UnlikeComparison, match="the samples or their order"):
        compare_results(BASELINE, replace(CANDIDATE, outcomes=CANDIDATE.outcomes[::-1]))


def test_a_model_is_not_compared_with_itself() -> None:
    with pytest.raises(UnlikeComparison, match="both results are from smollm2"):
        compare_results(BASELINE, BASELINE)


def test_results_without_the_wanted_criteria_are_refused() -> None:
    with pytest.raises(UnlikeComparison, match="graded by no further criterion, and exact is wanted"):
        compare_results(BASELINE, CANDIDATE, criteria=[Criterion(parse_grader("exact"), "secondary")])
