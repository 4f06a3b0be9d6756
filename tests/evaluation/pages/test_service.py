from __future__ import annotations

from luthier.evaluation.costs import Cost
from luthier.evaluation.latency import Latency, Spread
from luthier.evaluation.pages.service import build_calibrations, build_service
from luthier.stats.calibration import measure_calibration

LATENCY = Latency("new", 5, Spread(0.08, 0.07, 0.1), Spread(1.1, 0.9, 1.3), 1250.4)


def test_times_are_medians_with_their_range() -> None:
    (row,) = build_service(["old", "new"], [LATENCY], [])
    assert (row.model, row.whole, row.speed, row.dollars) == ("new", "1.1 s (0.9 s to 1.3 s)", "1,250", "not known")


def test_a_price_that_nobody_knows_says_why() -> None:
    (row,) = build_service(["new"], [], [Cost("new", None, "no price of it is known")])
    assert (row.dollars, row.source, row.whole) == ("not known", "no price of it is known", "not known")


def test_rows_stand_in_the_order_of_the_models() -> None:
    rows = build_service(["old", "new"], [LATENCY], [Cost("new", 1.5, ""), Cost("old", 0.2, "")])
    assert [(row.model, row.dollars) for row in rows] == [("old", "$0.20"), ("new", "$1.50")]


def test_calibration_has_a_point_for_each_bin() -> None:
    calibration = measure_calibration([0.6] * 10 + [0.9] * 10, [True] * 10 + [False] * 10)
    (view,) = build_calibrations({"new": calibration}, ["old", "new"])
    assert view.chart.count("<circle") == len(calibration.bins)
    assert "How sure new is of its answers" in view.chart
