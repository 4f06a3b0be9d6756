"""The losses of a run become one curve, whatever its length."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from markupsafe import Markup

from luthier.evaluation.charts.scale import Scale, nice_ticks
from luthier.evaluation.summaries import LossPoint

if TYPE_CHECKING:
    from collections.abc import Sequence

PLOT_HEIGHT = 240  # pixels
MOST_POINTS = 600  # more than a screen can show apart


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


def pixel_of(scale: Scale, value: float) -> float:
    return round(PLOT_HEIGHT * (1 - scale.place(value) / 100), 1)
