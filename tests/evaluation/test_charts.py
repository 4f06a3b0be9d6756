from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from luthier.evaluation.charts import MOST_POINTS, draw_difference, draw_losses, draw_rate, nice_ticks, thin_points
from luthier.evaluation.summaries import LossPoint
from luthier.stats.intervals import Interval


@pytest.mark.parametrize("highest", [0.0, 1e-6, 0.03, 1, 2.73, 6, 7, 60, 61, 180, 99_999])
def test_ticks_are_few_and_reach_the_highest_value(highest: float) -> None:
    ticks = nice_ticks(highest)
    assert ticks[0] == 0
    assert ticks[-1] >= highest
    assert 2 <= len(ticks) <= 7


def test_the_bar_is_as_long_as_the_pass_rate_and_the_whisker_as_its_interval() -> None:
    drawn = draw_rate(0.5, Interval(0.25, 0.75), "half", is_candidate=True)
    assert 'width="50.0%"' in drawn
    assert 'x1="25.0%" x2="75.0%"' in drawn


def test_no_difference_stands_in_the_middle() -> None:
    assert 'cx="50.0%"' in draw_difference(0.0, Interval(-0.5, 0.5), "none")


def test_a_title_is_escaped() -> None:
    assert "<b>" not in draw_rate(0.5, Interval(0.2, 0.8), "<b>", is_candidate=False)


def test_every_validation_point_is_drawn_and_told() -> None:
    points = [LossPoint(step, 3 / step) for step in range(1, 61)]
    drawn = draw_losses(points, [LossPoint(30, 0.5), LossPoint(60, 0.25)])
    assert drawn.count("<circle") == 2
    assert "Validation loss goes from 0.500 to 0.250." in drawn
    assert len(re.findall(r"[\d.]+,[\d.]+", drawn.split('points="')[1].split('"')[0])) == 60
    ElementTree.fromstring(drawn)


def test_a_loss_that_is_no_number_does_not_spoil_the_curve() -> None:
    drawn = draw_losses([LossPoint(1, 2.0), LossPoint(2, float("nan")), LossPoint(3, float("inf"))], [])
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_a_long_run_is_drawn_as_means() -> None:
    points = [LossPoint(step, float(step)) for step in range(1, 10_001)]
    thinned = thin_points(points)
    assert len(thinned) <= MOST_POINTS
    assert thinned[0].loss == sum(range(1, 18)) / 17
    assert thinned[-1].step == 10_000
