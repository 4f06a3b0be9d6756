from __future__ import annotations

import pytest

from luthier.evaluation.graders.normalized import NormalizedGrader
from tests.evaluation.graders.samples import grade_text


@pytest.mark.parametrize("text", ["Straße  frei", " STRASSE FREI\n", "ſtraße\u00a0frei", "ＳＴＲＡＳＳＥ frei"])
def test_case_space_and_kinds_of_the_same_character_do_not_count(text: str) -> None:
    assert grade_text(NormalizedGrader(), text, "Strasse frei").passed


@pytest.mark.parametrize("text", ["Strasse frei.", "Strassefrei", "not Strasse frei", ""])
def test_everything_else_does(text: str) -> None:
    grade = grade_text(NormalizedGrader(), text, "Strasse frei")
    assert not grade.passed
    assert grade.explanation.startswith("differs at character ")
