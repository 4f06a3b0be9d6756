from __future__ import annotations

import pytest

from luthier.evaluation.graders.similarity.grader import SimilarityGrader, parse_similarity
from luthier.evaluation.graders.similarity.metrics import LONGEST_TEXT
from tests.evaluation.graders.samples import build_sample, grade_text


def test_the_threshold_itself_passes_and_the_score_is_the_likeness() -> None:
    grade = grade_text(parse_similarity("fuzzy>=0.75"), "lamp", "lamb")
    assert (grade.passed, grade.score, grade.explanation) == (True, pytest.approx(0.75), "fuzzy 0.75, wanted 0.75")
    assert not grade_text(parse_similarity("fuzzy >= 0.76"), "lamp", "lamb").passed


def test_its_definition_has_the_signature_of_its_metric() -> None:
    assert "nrefs:1" in SimilarityGrader("chrf").definition
    assert SimilarityGrader("chrf", 0.7).definition != SimilarityGrader("chrf", 0.8).definition


def test_what_is_too_long_to_compare_is_not_alike() -> None:
    assert not grade_text(SimilarityGrader("fuzzy"), "x" * (LONGEST_TEXT + 1), "x").passed
    assert SimilarityGrader("fuzzy").reference_problem(build_sample("x" * (LONGEST_TEXT + 1))) is not None
    assert SimilarityGrader("fuzzy").reference_problem(build_sample(" ")) == "the answer is empty"
