from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.evaluation.compare import compare_results
from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.graders.registry import parse_grader
from luthier.evaluation.result import ModelResult
from luthier.evaluation.task import Criterion
from luthier.stats.paired import mcnemar_exact
from tests.evaluation.results import build_result

BASELINE = build_result("smollm2", "ppfftf")
CANDIDATE = build_result("orders-v1", "pfppfp")


def test_every_case_is_counted_once_by_what_became_of_it() -> None:
    comparison = compare_results(BASELINE, CANDIDATE)
    assert comparison.fixed_samples == ("case-3", "case-4", "case-6")
    assert comparison.broken_samples == ("case-2",)
    assert (comparison.fixed, comparison.broken, comparison.both_passed, comparison.both_failed) == (3, 1, 1, 1)
    assert comparison.difference == pytest.approx(2 / 6)
    assert comparison.interval.low < comparison.difference < comparison.interval.high
    assert comparison.p_value == mcnemar_exact(3, 1)
    assert comparison.same_prompts


def test_a_case_without_an_answer_never_speaks_for_the_candidate() -> None:
    comparison = compare_results(build_result("smollm2", "upuufp"), build_result("orders-v1", "puufpp"))
    assert (comparison.fixed_samples, comparison.broken_samples) == (("case-5",), ("case-2",))
    assert (comparison.both_passed, comparison.both_failed, comparison.total) == (1, 3, 6)
    assert comparison.unanswered == 4


CRITERIA = (
    Criterion(parse_grader("exact"), "secondary"),
    Criterion(parse_grader("regex:x"), "guardrail", margin=0.1),
    Criterion(parse_grader("contains:x"), "secondary"),
)


def with_others(result: ModelResult, *letters: str) -> ModelResult:
    """One string of letters for each further criterion."""
    outcomes = tuple(
        replace(each, others=tuple(Grade(kind == "p", "") for kind in kinds))
        for each, kinds in zip(result.outcomes, zip(*letters, strict=True), strict=True)
    )
    names = tuple(criterion.grader.name for criterion in CRITERIA)
    return ModelResult(replace(result.manifest, criteria=names), outcomes)


def with_scores(result: ModelResult, scores: list[float]) -> ModelResult:
    outcomes = tuple(replace(each, score=score) for each, score in zip(result.outcomes, scores, strict=True))
    return replace(result, outcomes=outcomes)


def test_a_guardrail_counts_the_answers_that_its_grader_could_not_judge() -> None:
    before = with_others(build_result("smollm2", "fffu"), "pppp", "pppp", "pppp")
    after = with_others(build_result("orders-v1", "pppp"), "pppp", "pppp", "pppp")
    failed = tuple(Grade(False, "", error="judge_failed") if place == 1 else Grade(True, "") for place in range(3))
    outcomes = tuple(
        replace(each, others=failed) if line in (0, 3) else each for line, each in enumerate(after.outcomes)
    )
    (guardrail,) = compare_results(before, replace(after, outcomes=outcomes), criteria=CRITERIA).guardrails
    assert guardrail.ungraded == 1  # what the other model did not answer is counted as that


def test_a_case_that_could_not_be_judged_never_speaks_for_the_candidate() -> None:
    comparison = compare_results(build_result("smollm2", "gpgfp"), build_result("orders-v1", "pggpu"))
    assert (comparison.fixed_samples, comparison.broken_samples) == (("case-4",), ("case-2", "case-5"))
    assert (comparison.both_passed, comparison.both_failed) == (0, 2)
    assert (comparison.unanswered, comparison.ungraded) == (1, 3)


def test_the_primary_effect_is_the_comparison_itself() -> None:
    comparison = compare_results(build_result("smollm2", "f" * 20 + "p" * 10), build_result("orders-v1", "p" * 30))
    primary = comparison.primary
    assert (primary.baseline, primary.candidate, primary.word) == (10 / 30, 1.0, "better")
    assert (primary.interval, primary.p_value) == (comparison.interval, comparison.p_value)
    assert primary.adjusted_p_value is None


def test_a_model_that_is_no_better_is_not_called_so() -> None:
    comparison = compare_results(BASELINE, replace(BASELINE, manifest=CANDIDATE.manifest))
    assert (comparison.p_value, comparison.primary.word) == (1.0, "cannot_tell")


def test_clusters_change_interval_and_p_value_and_few_are_warned_of() -> None:
    baseline, candidate = build_result("smollm2", "f" * 40), build_result("orders-v1", "p" * 20 + "f" * 20)
    alone = compare_results(baseline, candidate)
    together = compare_results(baseline, candidate, clusters=[str(place // 5) for place in range(40)])
    assert (alone.clusters, alone.warnings, together.clusters) == (None, (), 8)
    assert together.p_value == pytest.approx(2 / 2**4)
    assert together.p_value > 1000 * alone.p_value
    assert together.interval.low < alone.interval.low
    assert (alone.primary.word, together.primary.word) == ("better", "cannot_tell")
    assert "only 8 clusters" in together.warnings[0]
    assert (together.fixed, together.difference) == (alone.fixed, alone.difference)


def test_clusters_without_a_name_change_nothing() -> None:
    assert compare_results(BASELINE, CANDIDATE, clusters=[""] * 6) == compare_results(BASELINE, CANDIDATE)


def test_further_criteria_become_effects_and_guardrails() -> None:
    baseline = with_others(build_result("smollm2", "f" * 60), "f" * 60, "p" * 60, "p" * 60)
    candidate = with_others(build_result("orders-v1", "p" * 60), "p" * 60, "f" * 30 + "p" * 30, "p" * 57 + "f" * 3)
    comparison = compare_results(baseline, candidate, criteria=CRITERIA)
    exact, strict = comparison.secondary
    (guardrail,) = comparison.guardrails
    assert (exact.name, exact.difference, exact.word) == ("exact", 1.0, "better")
    assert (strict.difference, strict.word) == (pytest.approx(-0.05), "cannot_tell")
    assert exact.adjusted_p_value == pytest.approx(2 * exact.p_value)
    assert (guardrail.name, guardrail.margin, guardrail.state) == ("regex:x", 0.1, "broken")
    assert comparison.score is None


def test_scores_are_there_when_the_grader_knows_degrees() -> None:
    baseline = with_scores(build_result("smollm2", "f" * 30), [0.5, 0.6] * 15)
    candidate = with_scores(build_result("orders-v1", "f" * 30), [0.8, 0.7] * 15)
    comparison = compare_results(baseline, candidate)
    assert comparison.score is not None
    assert (comparison.score.name, comparison.score.word) == ("mean score", "better")
    assert comparison.score.difference == pytest.approx(0.2)
    assert comparison.score.adjusted_p_value == comparison.score.p_value
    assert comparison.primary.word == "cannot_tell"  # nothing was fixed


def test_the_score_and_the_other_effects_are_one_family() -> None:
    baseline = with_others(with_scores(build_result("smollm2", "f" * 30), [0.5] * 30), "f" * 30, "p" * 30, "f" * 30)
    candidate = with_others(with_scores(build_result("orders-v1", "f" * 30), [0.8] * 30), "f" * 30, "p" * 30, "f" * 30)
    comparison = compare_results(baseline, candidate, criteria=CRITERIA)
    assert comparison.score is not None
    assert comparison.score.adjusted_p_value == pytest.approx(3 * comparison.score.p_value)


def test_the_same_results_give_the_same_comparison() -> None:
    baseline = with_scores(build_result("smollm2", "f" * 30), [place / 31 for place in range(30)])
    candidate = with_scores(build_result("orders-v1", "f" * 30), [(place * 7 % 31) / 31 for place in range(30)])
    assert compare_results(baseline, candidate) == compare_results(baseline, candidate)
