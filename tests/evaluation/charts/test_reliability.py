from __future__ import annotations

from xml.etree import ElementTree

from luthier.evaluation.charts.reliability import SIDE, ReliabilityPoint, draw_reliability
from luthier.stats.intervals import Interval

POINTS = (
    ReliabilityPoint(0.5, 0.25, Interval(0.0, 0.5), 8),
    ReliabilityPoint(1.0, 1.0, Interval(0.75, 1.0), 12),
)


def test_a_point_stands_where_claim_and_truth_meet() -> None:
    drawn = draw_reliability(POINTS, "how sure")
    assert f'cx="{SIDE / 2}" cy="{0.75 * SIDE}"' in drawn
    assert f'cx="{float(SIDE)}" cy="0.0"' in drawn
    assert f'y1="{float(SIDE)}" y2="{SIDE / 2}"' in drawn
    ElementTree.fromstring(drawn)


def test_each_point_can_be_read_aloud() -> None:
    drawn = draw_reliability(POINTS, "how sure")
    assert "Claimed 50%: right in 25% of 8 cases." in drawn
    assert "claimed 100%, right in 100% of 12 cases (95% interval 75% to 100%)" in drawn
