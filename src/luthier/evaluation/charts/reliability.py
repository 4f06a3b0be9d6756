"""Claimed and real rates of being right become one square: points on the diagonal are honest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from luthier.evaluation.charts.scale import RATE_SCALE
from luthier.evaluation.wording import phrase_cases, phrase_fraction, phrase_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.stats.intervals import Interval

SIDE = 320  # units of the square; the picture is as wide as its place


class ReliabilityPoint(NamedTuple):
    """Of the cases whose answer claimed about `claimed` probability, so many were right."""

    claimed: float
    right: float
    interval: Interval
    total: int


def draw_reliability(points: Sequence[ReliabilityPoint], title: str) -> Markup:
    return Markup(
        '<svg class="square" viewBox="-64 -8 {width} {height}" role="img"><title>{title}</title>'
        "<desc>{described}</desc>{grid}"
        '<line class="zero" x1="0" y1="{side}" x2="{side}" y2="0"/>{points}'
        '<text x="{middle}" y="{below}" text-anchor="middle">how sure the model was</text>'
        '<text x="-{middle}" y="-50" text-anchor="middle" transform="rotate(-90)">how often it was right</text></svg>'
    ).format(
        width=SIDE + 80,
        height=SIDE + 56,
        title=title,
        described=describe_points(points),
        grid=draw_square_grid(),
        side=SIDE,
        points=Markup("").join(draw_point(point) for point in points),
        middle=SIDE / 2,
        below=SIDE + 40,
    )


def describe_points(points: Sequence[ReliabilityPoint]) -> str:
    return " ".join(
        f"Claimed {phrase_fraction(point.claimed)}: right in {phrase_fraction(point.right)} "
        f"of {phrase_cases(point.total)}."
        for point in points
    )


def draw_square_grid() -> Markup:
    lines = [
        Markup(
            '<line class="grid" x1="0" x2="{side}" y1="{y}" y2="{y}"/>'
            '<text x="-8" y="{y}" dy="4" text-anchor="end">{label}</text>'
            '<text x="{x}" y="{below}" text-anchor="middle">{label}</text>'
        ).format(side=SIDE, y=up(place), x=across(place), below=SIDE + 20, label=phrase_fraction(place))
        for place in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    return Markup("").join(lines)


def draw_point(point: ReliabilityPoint) -> Markup:
    told = (
        f"claimed {phrase_fraction(point.claimed)}, right in {phrase_fraction(point.right)} of "
        f"{phrase_cases(point.total)} (95% interval {phrase_range(point.interval.low, point.interval.high)})"
    )
    return Markup(
        '<g><title>{told}</title><line class="whisker" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>'
        '<circle class="dot" cx="{x}" cy="{y}" r="5"/></g>'
    ).format(
        told=told,
        x=across(point.claimed),
        y=up(point.right),
        low=up(point.interval.low),
        high=up(point.interval.high),
    )


def across(fraction: float) -> float:
    return round(SIDE * RATE_SCALE.place(fraction) / 100, 1)


def up(fraction: float) -> float:
    return round(SIDE - SIDE * RATE_SCALE.place(fraction) / 100, 1)
