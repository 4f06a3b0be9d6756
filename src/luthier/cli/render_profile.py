"""What the rows of a checked file are like becomes a small table: their form, their labels, how long they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from luthier.cli.render import format_table
from luthier.cli.render_convert import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from luthier.data.check import CheckReport

PARTS_SHOWN = 8
"""Labels or clusters that are named one by one."""

LONGEST_BAR = 30
"""Characters."""


def render_profile(report: CheckReport) -> str:
    """Of a file with at least one usable row."""
    rows = list(_describe_rows(report))
    lengths = report.profile.get("tokens")
    bars = lengths["histogram"] if lengths else report.profile["answer_characters"]["histogram"]
    return "\n".join([format_table(rows), *_draw_bars(bars)])


def _describe_rows(report: CheckReport) -> Iterator[tuple[str, str]]:
    profile = report.profile
    yield "format", TITLES[report.format]
    yield "system prompts", f"{report.summary['system_prompts']:,}"
    if profile["labels"]:
        yield "labels", _describe_labels(profile["labels"])
    for index, cluster in enumerate(profile.get("clusters", ())):
        yield "" if index else "clusters", f"{cluster['rows']:,} rows like line {cluster['line']}: {cluster['text']}"
    for part in ("prompt", "answer"):
        yield f"{part}s", _describe_lengths(profile[f"{part}_characters"], "characters")
    if profile.get("tokens"):
        yield "rows", _describe_lengths(profile["tokens"]["percentiles"], "tokens")


def _describe_labels(labels: Mapping[str, Any]) -> str:
    counts = [f"{label} {count:,}" for label, count in labels["counts"].items()]
    return f"{labels['field']}: {_join(counts, more=labels['distinct'] - len(counts))}"


def _describe_lengths(points: Mapping[str, int], unit: str) -> str:
    p50, p90, longest = (f"{points[name]:,}" for name in ("p50", "p90", "longest"))
    return f"half up to {p50} {unit}, 90% up to {p90}, the longest {longest}"


def _join(texts: Sequence[str], *, more: int = 0) -> str:
    more += max(0, len(texts) - PARTS_SHOWN)
    return ", ".join([*texts[:PARTS_SHOWN], *([f"and {more:,} more"] if more else [])])


def _draw_bars(bars: Sequence[Mapping[str, int]]) -> Iterator[str]:
    """A line for each; one that stands for any rows has at least one mark."""
    most = max(bar["rows"] for bar in bars)
    width = len(f"{bars[-1]['high']:,}")
    for bar in bars:
        mark = "#" * math.ceil(bar["rows"] / most * LONGEST_BAR)
        yield f"  {bar['low']:{width},} to {bar['high']:{width},}  {mark:{LONGEST_BAR}}  {bar['rows']:,}"
