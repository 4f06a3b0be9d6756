from __future__ import annotations

import re

import pytest

from luthier.evaluation.charts.scale import (
    RATE_SCALE,
    Scale,
    draw_free_axis,
    draw_points_axis,
    free_scale,
    nice_ticks,
    span_scale,
)


@pytest.mark.parametrize("highest", [0.0, 1e-6, 0.03, 1, 2.73, 6, 7, 60, 61, 180, 99_999])
def test_ticks_are_few_and_reach_the_highest_value(highest: float) -> None:
    ticks = nice_ticks(highest)
    assert ticks[0] == 0
    assert ticks[-1] >= highest
    assert 2 <= len(ticks) <= 7


def test_what_lies_outside_a_scale_stands_at_its_end() -> None:
    assert [RATE_SCALE.place(value) for value in (-0.5, 0.0, 0.25, 1.0, 7.0)] == [0.0, 0.0, 25.0, 100.0, 100.0]


@pytest.mark.parametrize(
    ("values", "span"),
    [([0.01, -0.04], 0.05), ([0.06], 0.1), ([-0.19, 0.1], 0.2), ([0.3], 0.5), ([0.51], 1.0), ([], 1.0)],
)
def test_differences_get_the_narrowest_round_scale_that_holds_them(values: list[float], span: float) -> None:
    assert span_scale(values) == Scale(-span, span)


def test_a_scale_of_any_unit_has_zero_in_its_middle_and_holds_every_value() -> None:
    scale = free_scale([0.31, -0.02])
    assert scale.low == -scale.high
    assert scale.high >= 0.31
    assert free_scale([]).place(0.0) == 50.0


def test_an_axis_says_where_its_ends_and_its_middle_are() -> None:
    assert re.findall(r">([^<]+)<", draw_points_axis(Scale(-0.2, 0.2))) == ["−20", "−10", "0", "+10", "+20"]
    assert re.findall(r">([^<]+)<", draw_free_axis(Scale(-0.06, 0.06))) == ["−0.06", "−0.03", "0", "+0.03", "+0.06"]
