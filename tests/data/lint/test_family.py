"""Every rule belongs to a family, which its code names."""

from __future__ import annotations

import pytest

from luthier.data.lint.family import FAMILIES, family_of
from luthier.data.lint.registry import ALL_RULES


def test_every_rule_has_a_family() -> None:
    assert {family_of(rule.code) for rule in ALL_RULES} == set(FAMILIES.values())


def test_the_longest_beginning_counts() -> None:
    assert [family_of(code) for code in ("LD204", "LD221", "LD263")] == ["roles", "preference", "tools"]


def test_a_code_of_no_family_is_an_error_of_ours() -> None:
    with pytest.raises(ValueError, match="empty"):
        family_of("XX1")
