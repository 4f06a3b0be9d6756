from __future__ import annotations

import re
from xml.etree import ElementTree

from luthier.evaluation.charts.losses import MOST_POINTS, draw_losses, thin_points
from luthier.evaluation.summaries import LossPoint


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
