"""Measured numbers become SVG that stretches to any width without its letters shrinking."""

from __future__ import annotations

from math import floor, isfinite, log10
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from luthier.evaluation.summaries import LossPoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.stats.intervals import Interval

BAR_HEIGHT = 26  # pixels
PLOT_HEIGHT = 240  # pixels
MOST_POINTS = 600  # more than a screen can show apart
NOTHING = Markup("")


class Scale(NamedTuple):
    """Places a value between `low` and `high` on a line from 0 to 100 percent."""

    low: float
    high: float

    def place(self, value: float) -> float:
        return round(100 * (value - self.low) / (self.high - self.low), 3)


RATE_SCALE = Scale(0.0, 1.0)
DIFFERENCE_SCALE = Scale(-1.0, 1.0)


def draw_rate(rate: float, interval: Interval, title: str, *, is_candidate: bool) -> Markup:
    """A bar from 0 to the pass rate with its interval as a whisker."""
    kind = "bar candidate" if is_candidate else "bar"
    bar = Markup('<rect class="{}" x="0" y="3" width="{}%" height="20"/>').format(kind, RATE_SCALE.place(rate))
    return draw_strip(title, RATE_SCALE, interval, below=bar)


def draw_difference(difference: float, interval: Interval, title: str) -> Markup:
    """A point between -100 and +100 points with its interval as a whisker, and a line at no difference."""
    mark = Markup(
        '<line class="zero" x1="50%" x2="50%" y1="-4" y2="30"/><circle class="dot" cx="{}%" cy="13" r="5"/>'
    ).format(DIFFERENCE_SCALE.place(difference))
    return draw_strip(title, DIFFERENCE_SCALE, interval, above=mark)


def draw_strip(
    title: str, scale: Scale, interval: Interval, *, below: Markup = NOTHING, above: Markup = NOTHING
) -> Markup:
    """A track as wide as the scale, and on it the whisker of the interval between two marks."""
    low, high = scale.place(interval.low), scale.place(interval.high)
    return Markup(
        '<svg class="strip" width="100%" height="{height}" role="img"><title>{title}</title>'
        "<desc>The whisker is the 95 percent interval.</desc>"
        '<rect class="track" x="0" y="3" width="100%" height="20"/>{below}'
        '<line class="whisker" x1="{low}%" x2="{high}%" y1="13" y2="13"/>'
        '<line class="whisker" x1="{low}%" x2="{low}%" y1="7" y2="19"/>'
        '<line class="whisker" x1="{high}%" x2="{high}%" y1="7" y2="19"/>{above}</svg>'
    ).format(height=BAR_HEIGHT, title=title, low=low, high=high, below=below, above=above)


def draw_axis(labels: Sequence[str]) -> Markup:
    """Labels at even distances, the first and last kept inside the width."""
    last = len(labels) - 1
    anchors = {0: "start", last: "end"}
    texts = [
        Markup('<text x="{}%" y="12" text-anchor="{}">{}</text>').format(
            round(100 * index / last, 2), anchors.get(index, "middle"), label
        )
        for index, label in enumerate(labels)
    ]
    return Markup('<svg class="strip axis" width="100%" height="16" aria-hidden="true">{}</svg>').format(
        Markup("").join(texts)
    )


def draw_losses(points: Sequence[LossPoint], validation_points: Sequence[LossPoint]) -> Markup:
    """Training loss as a thin line, validation loss as dots; both axes are linear and loss starts at 0."""
    training, validation = keep_finite(points), keep_finite(validation_points)
    everything = training + validation
    steps = nice_ticks(max(point.step for point in everything))
    losses = nice_ticks(max(point.loss for point in everything))
    across, up = Scale(0.0, steps[-1]), Scale(0.0, losses[-1])
    line = " ".join(
        f"{10 * across.place(point.step):g},{1000 - 10 * up.place(point.loss):g}" for point in thin_points(training)
    )
    dots = [
        Markup(
            '<circle class="dot" cx="{}%" cy="{}" r="4"><title>validation loss {} at step {}</title></circle>'
        ).format(across.place(point.step), pixel_of(up, point.loss), f"{point.loss:.3f}", point.step)
        for point in validation
    ]
    return Markup(
        '<svg class="plot" width="100%" height="{height}" role="img"><title>Loss during training</title>'
        "<desc>{description}</desc>{grid}"
        '<svg width="100%" height="{height}" viewBox="0 0 1000 1000" preserveAspectRatio="none">'
        '<polyline class="loss" points="{line}"/></svg>{dots}</svg>'
    ).format(
        height=PLOT_HEIGHT,
        description=describe_losses(training, validation),
        grid=draw_grid(steps, losses),
        line=line,
        dots=Markup("").join(dots),
    )


def draw_grid(steps: Sequence[float], losses: Sequence[float]) -> Markup:
    across, up = Scale(0.0, steps[-1]), Scale(0.0, losses[-1])
    rows = [
        Markup(
            '<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
            '<text x="-10" y="{y}" dy="4" text-anchor="end">{label}</text>'
        ).format(y=pixel_of(up, loss), label=f"{loss:g}")
        for loss in losses
    ]
    columns = [
        Markup('<text x="{}%" y="{}" text-anchor="middle">{}</text>').format(
            across.place(step), PLOT_HEIGHT + 20, f"{step:,.0f}"
        )
        for step in steps
    ]
    return Markup("").join([*rows, *columns])


def describe_losses(training: Sequence[LossPoint], validation: Sequence[LossPoint]) -> str:
    told = []
    for name, points in (("Training", training), ("Validation", validation)):
        if points:
            told.append(f"{name} loss goes from {points[0].loss:.3f} to {points[-1].loss:.3f}.")
    return " ".join(told)


def thin_points(points: Sequence[LossPoint]) -> list[LossPoint]:
    """Means of equal stretches, so that a line of a million steps keeps its shape."""
    stretch = points_per_mean(len(points))
    stretches = [points[start : start + stretch] for start in range(0, len(points), stretch)]
    return [LossPoint(part[-1].step, sum(point.loss for point in part) / len(part)) for part in stretches]


def points_per_mean(count: int) -> int:
    return max(1, -(-count // MOST_POINTS))


def keep_finite(points: Sequence[LossPoint]) -> list[LossPoint]:
    return [point for point in points if isfinite(point.loss)]


def nice_ticks(highest: float) -> list[float]:
    """Four to seven round numbers from 0 to at least `highest`."""
    if highest <= 0:
        return [0.0, 1.0]
    magnitude = 10.0 ** floor(log10(highest))
    distance = next(m * magnitude for m in (0.2, 0.5, 1.0, 2.0) if highest <= 6 * m * magnitude)
    count = int(-(-highest // distance))
    return [round(index * distance, 10) for index in range(count + 1)]


def pixel_of(scale: Scale, value: float) -> float:
    return round(PLOT_HEIGHT * (1 - scale.place(value) / 100), 1)
