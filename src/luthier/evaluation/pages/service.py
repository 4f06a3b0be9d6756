"""What an answer takes and how sure a model is of it becomes rows: time, price and calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from luthier.evaluation.charts.reliability import ReliabilityPoint, draw_reliability
from luthier.evaluation.wording import phrase_dollars, phrase_seconds
from luthier.tokens.visible import make_visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from luthier.evaluation.costs import Cost
    from luthier.evaluation.latency import Latency, Spread
    from luthier.stats.calibration import Calibration

UNKNOWN = "not known"


class ServiceRow(NamedTuple):
    model: str
    first: str
    whole: str
    speed: str
    dollars: str
    source: str


class CalibrationView(NamedTuple):
    model: str
    calibration: Calibration
    chart: Markup


def build_service(models: Sequence[str], latency: Sequence[Latency], costs: Sequence[Cost]) -> tuple[ServiceRow, ...]:
    """One for each model that anything is known of."""
    times = {each.model: each for each in latency}
    prices = {each.model: each for each in costs}
    return tuple(
        build_service_row(model, times.get(model), prices.get(model))
        for model in models
        if model in times or model in prices
    )


def build_service_row(model: str, latency: Latency | None, cost: Cost | None) -> ServiceRow:
    speed = latency.tokens_per_second if latency else None
    dollars = cost.dollars_per_thousand if cost else None
    return ServiceRow(
        model=model,
        first=phrase_spread(latency.first_seconds) if latency else UNKNOWN,
        whole=phrase_spread(latency.whole_seconds) if latency else UNKNOWN,
        speed=f"{speed:,.0f}" if speed is not None else UNKNOWN,
        dollars=phrase_dollars(dollars) if dollars is not None else UNKNOWN,
        source=cost.source if cost else "",
    )


def phrase_spread(spread: Spread) -> str:
    """The median, with the range around it."""
    return f"{phrase_seconds(spread.median)} ({phrase_seconds(spread.low)} to {phrase_seconds(spread.high)})"


def build_calibrations(found: Mapping[str, Calibration], models: Sequence[str]) -> tuple[CalibrationView, ...]:
    known = [(model, found[model]) for model in models if model in found]
    return tuple(CalibrationView(model, each, draw_calibration(model, each)) for model, each in known)


def draw_calibration(model: str, calibration: Calibration) -> Markup:
    points = [ReliabilityPoint(each.confidence, each.pass_rate, each.interval, each.total) for each in calibration.bins]
    return draw_reliability(points, make_visible(f"How sure {model} is of its answers, and how often they are right"))
