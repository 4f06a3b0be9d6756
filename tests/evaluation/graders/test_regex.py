from __future__ import annotations

import time

import pytest

from luthier.errors import InvalidConfig
from luthier.evaluation.graders.regex import RegexGrader
from tests.evaluation.graders.samples import grade_text


def test_the_pattern_may_stand_anywhere_in_the_output() -> None:
    grader = RegexGrader(r"total: \d+")
    assert grade_text(grader, "The total: 31, thank you", "ignored").passed
    assert not grade_text(grader, "The total is 31", "total: 31").passed


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "", "\ud800"])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidConfig):
        RegexGrader(pattern)


def test_no_pattern_takes_exponential_time() -> None:
    started = time.thread_time()
    assert not grade_text(RegexGrader("^(a+)+$"), "a" * 5000 + "b", "").passed
    assert time.thread_time() - started < 2


def test_half_a_surrogate_pair_in_an_output_does_no_harm() -> None:
    assert grade_text(RegexGrader("a"), "\ud800a", "").passed
