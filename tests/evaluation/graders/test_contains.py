from __future__ import annotations

import pytest

from luthier.errors import InvalidConfig
from luthier.evaluation.graders.contains import ContainsGrader
from tests.evaluation.graders.samples import grade_text


def test_the_text_must_stand_in_the_answer_as_it_is() -> None:
    grader = ContainsGrader("ORDER-7")
    assert grade_text(grader, "Your ORDER-7 is on its way").passed
    assert not grade_text(grader, "Your order-7 is on its way").passed


def test_no_text_would_stand_in_everything() -> None:
    with pytest.raises(InvalidConfig):
        ContainsGrader("")
