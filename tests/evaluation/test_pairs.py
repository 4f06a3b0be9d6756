from __future__ import annotations

from dataclasses import replace

from luthier.evaluation.graders.protocol import Grade
from luthier.evaluation.pairs import number_clusters, pair_criterion, pair_passes, pair_scores
from luthier.evaluation.result import ModelResult
from tests.evaluation.results import build_result


def with_scores(result: ModelResult, scores: list[float]) -> ModelResult:
    outcomes = tuple(replace(each, score=score) for each, score in zip(result.outcomes, scores, strict=True))
    return replace(result, outcomes=outcomes)


def with_grades(result: ModelResult, grades: list[Grade | None]) -> ModelResult:
    """The grade of the only further criterion; None for an answer that is missing."""
    outcomes = tuple(
        replace(each, others=(grade,) if grade else (), kind=each.kind if grade else "unanswered")
        for each, grade in zip(result.outcomes, grades, strict=True)
    )
    return replace(result, outcomes=outcomes)


def test_what_was_not_measured_never_speaks_for_the_candidate() -> None:
    #                             fixed, broken, and each kind of silence against each kind of answer
    baseline, candidate = build_result("a", "fpuuggpppff"), build_result("b", "pfpupgugtug")
    pairs = pair_passes(baseline, candidate, None)
    assert pairs.differences.tolist() == [1, -1, 0, 0, 0, 0, -1, -1, -1, 0, 0]
    assert pairs.count_changes() == (1, 4, 11)
    assert not pairs.knows_degrees


def test_scores_of_what_was_not_measured_never_speak_for_the_candidate() -> None:
    baseline = with_scores(build_result("a", "ffug"), [0.25, 0.5, 0.0, 0.9])
    candidate = with_scores(build_result("b", "pupp"), [1.0, 0.9, 1.0, 1.0])
    pairs = pair_scores(baseline, candidate, None)
    assert pairs.differences.tolist() == [0.75, -0.5, 0.0, 0.0]
    assert pairs.knows_degrees


def test_a_criterion_that_a_grader_could_not_judge_never_speaks_for_the_candidate() -> None:
    good, bad, failed = Grade(True, ""), Grade(False, ""), Grade(True, "", error="judge_nonsense")
    baseline = with_grades(build_result("a", "ppppp"), [bad, good, failed, None, good])
    candidate = with_grades(build_result("b", "ppppp"), [good, failed, good, good, None])
    assert pair_criterion(baseline, candidate, None, place=0).differences.tolist() == [1, -1, 0, 0, -1]


def test_a_criterion_may_know_degrees() -> None:
    baseline = with_grades(build_result("a", "p"), [Grade(False, "", score=0.2)])
    candidate = with_grades(build_result("b", "p"), [Grade(True, "", score=0.7)])
    pairs = pair_criterion(baseline, candidate, None, place=0)
    assert (pairs.baseline.tolist(), pairs.candidate.tolist(), pairs.knows_degrees) == ([0.2], [0.7], True)


def test_cases_without_a_name_are_clusters_by_themselves() -> None:
    numbers = number_clusters(["x", "", "y", "x", ""])
    assert numbers is not None
    assert numbers.tolist() == [0, 1, 2, 0, 3]


def test_clusters_of_one_case_each_are_none() -> None:
    assert number_clusters(["", "", ""]) is None
    assert number_clusters(["x", "y", ""]) is None
    assert number_clusters([]) is None
