from __future__ import annotations

import pytest

from luthier.errors import InvalidConfig
from luthier.evaluation.graders.patterns import compile_pattern, is_found


def test_a_pattern_that_hangs_elsewhere_is_done_at_once() -> None:
    assert not is_found(compile_pattern("^(a+)+$"), "a" * 50_000 + "b")


@pytest.mark.parametrize("pattern", ["(?=a)", r"(a)\1", "(", "a{2000}" * 1000, "\ud800"])
def test_what_re2_does_not_accept_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidConfig, match="pattern"):
        compile_pattern(pattern)


def test_half_a_character_is_no_harm() -> None:
    assert is_found(compile_pattern("b"), "\ud800b")
