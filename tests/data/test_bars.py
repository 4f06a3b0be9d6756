"""Bars of a histogram have round edges, hold every row once, and survive sizes of any kind."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.data.bars import BARS, Bar, draw_bars


def test_no_sizes_give_no_bars() -> None:
    assert draw_bars(array("Q")) == []


def test_edges_are_round_and_the_last_bar_holds_what_is_far_out() -> None:
    bars = draw_bars(array("Q", [*range(12, 500), 99_999]))
    assert [(bar.low, bar.high) for bar in bars[:2]] == [(0, 99), (100, 199)]
    assert bars[-1] == Bar(400, 99_999, 101)


@pytest.mark.parametrize("size", [0, 1, 7, 1_000_000])
def test_equal_sizes_are_one_bar(size: int) -> None:
    (bar,) = draw_bars(array("Q", [size] * 3))
    assert bar.low <= size <= bar.high
    assert bar.rows == 3


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_every_row_is_in_one_bar(sizes: list[int]) -> None:
    bars = draw_bars(array("Q", sizes))
    assert [sum(bar.low <= size <= bar.high for size in sizes) for bar in bars] == [bar.rows for bar in bars]
    assert sum(bar.rows for bar in bars) == len(sizes)
    assert len(bars) <= BARS + 1
