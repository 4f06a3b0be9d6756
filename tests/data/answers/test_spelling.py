"""A slip of the pen is told from another word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.data.answers.spelling import count_slips, is_slip, normalise_words

WORDS = st.text(alphabet="abc", max_size=5)


@pytest.mark.parametrize(
    ("text", "intended"),
    [
        ("totl", "total"),
        ("toatl", "total"),
        ("Positive", "positive"),
        ("positive ", "positive"),
        ("positive.", "positive"),
        ('"positive"', "positive"),
        ("unitPrice", "unit_price"),
        ("unit-price", "unit_price"),
        ("UnitPrice", "unitPrice"),
        ("unit_prize", "unit_price"),
        ("EN", "en"),
        ("qunatity", "quantity"),
    ],
)
def test_a_slip_is_recognised(text: str, intended: str) -> None:
    assert is_slip(text, intended)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("total", "total"),
        ("min", "max"),
        ("min_price", "max_price"),
        ("import", "export"),
        ("relevant", "irrelevant"),
        ("line1", "line2"),
        ("v1.2", "v12"),
        ("C", "C++"),
        ("C#", "C++"),
        ("A", "A-"),
        ("order", "orders_by_day"),
        ("start_date", "end_date"),
        ("custmer_nme", "customer_name"),
        ("x" * 100, "x" * 99),
        ("", "positive"),
        ("?", "!"),
    ],
)
def test_other_words_are_no_slips(text: str, other: str) -> None:
    assert not is_slip(text, other)


@settings(deadline=None)
@given(WORDS, WORDS)
def test_slips_are_counted_alike_from_both_sides(text: str, other: str) -> None:
    assert count_slips(text, other) == count_slips(other, text) == _count_slips_by_definition(text, other)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_words_normalised_again_stay_as_they_are(text: str) -> None:
    assert normalise_words(normalise_words(text)) == normalise_words(text)


def _count_slips_by_definition(text: str, other: str) -> int:
    """The recursive definition, which is slow and says what is meant."""
    if not text or not other:
        return len(text) + len(other)
    counts = [
        _count_slips_by_definition(text[:-1], other) + 1,
        _count_slips_by_definition(text, other[:-1]) + 1,
        _count_slips_by_definition(text[:-1], other[:-1]) + (text[-1] != other[-1]),
    ]
    if len(text) > 1 and len(other) > 1 and text[-2:] == other[-1] + other[-2]:
        counts.append(_count_slips_by_definition(text[:-2], other[:-2]) + 1)
    return min(counts)
