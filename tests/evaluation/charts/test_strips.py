from __future__ import annotations

import re

from luthier.evaluation.charts.scale import Scale
from luthier.evaluation.charts.strips import BOUNDS, draw_difference, draw_rate
from luthier.stats.intervals import Interval

WIDE = Scale(-1.0, 1.0)


def test_the_bar_is_as_long_as_the_rate_and_the_whisker_as_its_interval() -> None:
    drawn = draw_rate(0.5, Interval(0.25, 0.75), "half", is_candidate=True)
    assert 'width="50.0%"' in drawn
    assert 'x1="25.0%" x2="75.0%"' in drawn


def test_a_rate_without_an_interval_says_so() -> None:
    drawn = draw_rate(0.5, None, "half", is_candidate=True)
    assert "whisker" not in drawn
    assert "No interval is known." in drawn


def test_no_difference_stands_in_the_middle() -> None:
    assert 'cx="50.0%"' in draw_difference(0.0, Interval(-0.5, 0.5), "none", scale=WIDE)


def test_what_must_not_be_reached_is_shaded_on_the_side_of_its_margin() -> None:
    loss = draw_difference(0.0, Interval(-0.5, 0.5), "loss", scale=WIDE, margin=-0.1, described=BOUNDS)
    assert re.search(r'"forbidden" x="0.0%" y="3" width="45.0%"', loss)
    assert BOUNDS in loss
    excess = draw_difference(0.0, Interval(-0.5, 0.5), "excess", scale=WIDE, margin=0.2)
    assert re.search(r'"forbidden" x="60.0%" y="3" width="40.0%"', excess)
    assert "forbidden" not in draw_difference(0.0, Interval(-0.5, 0.5), "free", scale=WIDE)


def test_a_title_is_escaped() -> None:
    assert "<b>" not in draw_rate(0.5, Interval(0.2, 0.8), "<b>", is_candidate=False)
