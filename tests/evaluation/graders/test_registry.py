from __future__ import annotations

import pytest

from luthier.errors import InvalidConfig
from luthier.evaluation.graders.registry import parse_grader


@pytest.mark.parametrize("text", ["exact", "json", "regex:^a:b$"])
def test_a_grader_is_named_as_it_was_asked_for(text: str) -> None:
    assert parse_grader(text).name == text


def test_an_unknown_grader_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InvalidConfig, match="unknown grader 'jsn'") as caught:
        parse_grader("jsn")
    assert caught.value.hint == "did you mean json?"


@pytest.mark.parametrize("text", ["", "regex", "json:", "exact:a", "regex:"])
def test_half_a_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_grader(text)
    assert caught.value.hint
