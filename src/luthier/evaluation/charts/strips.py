"""One value with its interval becomes one strip: a bar from zero, or a point against a line at no difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from luthier.evaluation.charts.scale import RATE_SCALE, Scale

if TYPE_CHECKING:
    from luthier.stats.intervals import Interval

HEIGHT = 26  # pixels
NOTHING = Markup("")
INTERVAL = "The whisker is the 95 percent interval."
BOUNDS = "Each end of the whisker is a bound with 95 percent confidence."


def draw_rate(rate: float, interval: Interval | None, title: str, *, is_candidate: bool) -> Markup:
    """A bar from 0 to the rate with its interval as a whisker."""
    kind = "bar candidate" if is_candidate else "bar"
    bar = Markup('<rect class="{}" x="0" y="3" width="{}%" height="20"/>').format(kind, RATE_SCALE.place(rate))
    return draw_strip(title, RATE_SCALE, interval, below=bar)


def draw_difference(
    difference: float,
    interval: Interval,
    title: str,
    *,
    scale: Scale,
    margin: float | None = None,
    described: str = INTERVAL,
) -> Markup:
    """A point with its interval, and a line at no difference. What lies left of `margin` is shaded: the interval must
    not reach into it. A `margin` above zero shades what lies right of it. `described` says what the whisker is."""
    dot = Markup('<circle class="dot" cx="{}%" cy="13" r="5"/>').format(scale.place(difference))
    zero = Markup('<line class="zero" x1="{0}%" x2="{0}%" y1="-1" y2="27"/>').format(scale.place(0.0))
    below = shade_beyond(margin, scale)
    return draw_strip(title, scale, interval, below=below, above=zero + dot, described=described)


def shade_beyond(margin: float | None, scale: Scale) -> Markup:
    if margin is None:
        return NOTHING
    start, end = (0.0, scale.place(margin)) if margin <= 0 else (scale.place(margin), 100.0)
    edge = end if margin <= 0 else start
    return Markup(
        '<rect class="forbidden" x="{start}%" y="3" width="{width}%" height="20"/>'
        '<line class="edge" x1="{edge}%" x2="{edge}%" y1="1" y2="25"/>'
    ).format(start=start, width=round(end - start, 3), edge=edge)


def draw_strip(
    title: str,
    scale: Scale,
    interval: Interval | None,
    *,
    below: Markup = NOTHING,
    above: Markup = NOTHING,
    described: str = INTERVAL,
) -> Markup:
    """A track as wide as the scale, and on it the whisker of the interval between two marks."""
    return Markup(
        '<svg class="strip" width="100%" height="{height}" role="img"><title>{title}</title>'
        "<desc>{described}</desc>"
        '<rect class="track" x="0" y="3" width="100%" height="20"/>{below}{whisker}{above}</svg>'
    ).format(
        height=HEIGHT,
        title=title,
        described=described if interval else "No interval is known.",
        below=below,
        whisker=draw_whisker(interval, scale) if interval else NOTHING,
        above=above,
    )


def draw_whisker(interval: Interval, scale: Scale) -> Markup:
    low, high = scale.place(interval.low), scale.place(interval.high)
    return Markup(
        '<line class="whisker" x1="{low}%" x2="{high}%" y1="13" y2="13"/>'
        '<line class="whisker" x1="{low}%" x2="{low}%" y1="7" y2="19"/>'
        '<line class="whisker" x1="{high}%" x2="{high}%" y1="7" y2="19"/>'
    ).format(low=low, high=high)
