"""Numbers become the words that a verdict and its page share, so that both always say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LINES_NAMED = 10


def phrase_cases(count: int, noun: str = "case") -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def phrase_fraction(fraction: float) -> str:
    """`93.3%`, and no decimal where it would be zero."""
    return f"{100 * fraction:.1f}".removesuffix(".0") + "%"


def phrase_points(fraction: float) -> str:
    """`+26 points`: a difference of percentages is not itself a percentage."""
    points = f"{100 * fraction:+.1f}".removesuffix(".0")
    if points in ("+0", "-0"):
        return "0 points"
    return f"{points.replace('-', '−')} {'point' if points[1:] == '1' else 'points'}"


def phrase_p_value(p_value: float) -> str:
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"


def phrase_dollars(dollars: float | None) -> str:
    """`$1.20`, with as many digits as a small sum needs to be seen; what somebody did not say is `unknown`."""
    if dollars is None:
        return "unknown"
    if 0 < dollars < 0.0001:
        return "under $0.0001"
    return f"${dollars:.2f}" if dollars == 0 or dollars >= 0.01 else f"${dollars:.2g}"


def phrase_lines(lines: Sequence[int]) -> str:
    """`lines 3, 8 and 12`; beyond ten, how many more there are."""
    named = [str(line) for line in lines[:LINES_NAMED]]
    more = len(lines) - len(named)
    if more:
        named.append(f"{more} more")
    listed = " and ".join(filter(None, [", ".join(named[:-1]), *named[-1:]]))
    return f"line {listed}" if len(lines) == 1 else f"lines {listed}"


def phrase_seconds(seconds: float) -> str:
    """`0.08 s`, `48 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if seconds < 0.95:
        return f"{round(seconds, 2):g} s"
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def phrase_count(count: float) -> str:
    """`1,240`: a mean of counts is shown without what stands behind the point, once it is above ten."""
    return f"{count:,.0f}" if count >= 10 else f"{count:.1f}".removesuffix(".0")


def phrase_range(low: float, high: float) -> str:
    """`77.3% to 100%`."""
    return f"{phrase_fraction(low)} to {phrase_fraction(high)}"


def phrase_points_range(low: float, high: float) -> str:
    """`+52.1 to +91.7 points`."""
    return f"{phrase_points(low).split()[0]} to {phrase_points(high)}"


def phrase_signed(value: float, unit: str = "") -> str:
    """`+0.013 nat`: a difference of a measure that is no fraction."""
    number = f"{value:+.2g}" if abs(value) < 1 else f"{value:+.1f}"
    number = "0" if float(number) == 0 else number.replace("-", "−")
    return f"{number} {unit}".rstrip()


def phrase_score(score: float) -> str:
    """`0.93`: a score between 0 and 1, or a correlation between -1 and 1."""
    return f"{score:.2f}".replace("-", "−")
