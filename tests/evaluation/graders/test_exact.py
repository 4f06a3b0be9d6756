from __future__ import annotations

import pytest

from luthier.evaluation.graders.exact import ExactGrader
from tests.evaluation.graders.samples import grade_text


def test_only_surrounding_white_space_is_forgiven() -> None:
    assert grade_text(ExactGrader(), " yes\n", "yes").passed
    assert not grade_text(ExactGrader(), "y es", "yes").passed
    assert not grade_text(ExactGrader(), "Yes", "yes").passed


@pytest.mark.parametrize(
    ("output", "explanation"),
    [
        ("yet", "differs at character 3: expected 's', got 't'"),
        ("ye", "differs at character 3: expected 's', got the end of the text"),
        ("yes, it is", "differs at character 4: expected the end of the text, got ', it is'"),
    ],
)
def test_the_explanation_names_the_first_difference(output: str, explanation: str) -> None:
    assert grade_text(ExactGrader(), output, "yes").explanation == explanation


def test_a_pass_says_what_was_forgiven() -> None:
    assert "white space" in grade_text(ExactGrader(), "yes", "yes").explanation
