"""A range of values becomes places on a line, with round numbers to read them by."""

from __future__ import annotations

from math import floor, isfinite, log10
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SPANS = (0.05, 0.1, 0.2, 0.5, 1.0)  # of a scale of differences, each with round quarters or halves


class Scale(NamedTuple):
    """Places a value between `low` and `high` on a line from 0 to 100 percent; what lies outside stands at the end."""

    low: float
    high: float

    def place(self, value: float) -> float:
        inside = min(self.high, max(self.low, value))
        return round(100 * (inside - self.low) / (self.high - self.low), 3)


RATE_SCALE = Scale(0.0, 1.0)


def span_scale(values: Iterable[float]) -> Scale:
    """The narrowest round scale with zero in its middle that holds every value; the widest is from -1 to 1."""
    furthest = max((abs(value) for value in values if isfinite(value)), default=1.0)
    span = next((span for span in SPANS if furthest <= span), 1.0)
    return Scale(-span, span)


def free_scale(values: Iterable[float]) -> Scale:
    """As `span_scale`, for values of any unit."""
    furthest = max((abs(value) for value in values if isfinite(value)), default=0.0)
    span = nice_ticks(furthest)[-1]
    return Scale(-span, span)


def nice_ticks(highest: float) -> list[float]:
    """Four to seven round numbers from 0 to at least `highest`."""
    if highest <= 0:
        return [0.0, 1.0]
    magnitude = 10.0 ** floor(log10(highest))
    distance = next(m * magnitude for m in (0.2, 0.5, 1.0, 2.0) if highest <= 6 * m * magnitude)
    count = int(-(-highest // distance))
    return [round(index * distance, 10) for index in range(count + 1)]


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


def draw_rate_axis() -> Markup:
    return draw_axis(["0%", "25%", "50%", "75%", "100%"])


def draw_points_axis(scale: Scale) -> Markup:
    """For a scale of differences between fractions, in points."""
    return draw_axis([phrase_place(100 * place) for place in list_places(scale)])


def draw_free_axis(scale: Scale) -> Markup:
    return draw_axis([phrase_place(place) for place in list_places(scale)])


def list_places(scale: Scale) -> list[float]:
    """Ends, middle and what lies halfway between, of a scale with zero in its middle."""
    return [scale.low, scale.low / 2, 0.0, scale.high / 2, scale.high]


def phrase_place(place: float) -> str:
    return f"{place:+.6g}".replace("-", "−") if place else "0"
