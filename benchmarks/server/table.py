"""What was measured becomes one table: each task beside its yardstick, and whether it reaches what was set."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from generate.figures import Bar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from server.measure import Turn

CHAT_SECONDS = 0.005
STREAMS = 500
READS_PER_SECOND = 2000
EXTRA_BYTES = 200e6
FAIR_FACTOR = 2.0
"""Two programs on the same cores have half of them each."""

RISE = 2.0
"""How much more than by its fair share a chat may slow down."""

ALLOWED_GROWTH_BYTES = 8 * 2**20
"""Heaps breathe."""

Report = dict[str, Any]


def take_median(turns: Sequence[Turn], name: str) -> float:
    return median(turn[name] for turn in turns)


def compare(turns: Mapping[str, Sequence[Turn]], one: str, other: str, name: str) -> float:
    """How often a number of `other` goes into that of `one`: the median over the rounds, so that what else the machine
    did in a round hits both sides of its ratio."""
    return median(mine[name] / its[name] for mine, its in zip(turns[one], turns[other], strict=True))


def compare_work(turns: Mapping[str, Sequence[Turn]], one: str, other: str) -> float:
    """The same for what a request costs the server's process, which other programs hardly move."""
    return median(
        (mine["processor_seconds"] / mine["requests"]) / (its["processor_seconds"] / its["requests"])
        for mine, its in zip(turns[one], turns[other], strict=True)
    )


def measure_growth(turns: Sequence[Turn]) -> float:
    """Bytes by which memory is more in the end than after the second turn: by then all caches have their size."""
    return float(turns[-1]["rss_bytes"] - turns[1]["rss_bytes"]) if len(turns) > 2 else 0.0


def list_bars(report: Report) -> list[Bar]:
    bars = []
    if "chats" in report:
        bars.append(Bar("chat p50, ms", 1000 * take_median(report["chats"]["chat"], "p50_seconds"), 5.0, True))
    if "streams" in report:
        turns = report["streams"]["chat"]
        bars.append(Bar("whole streams, fewest of a turn", min(turn["whole"] for turn in turns), STREAMS))
        bars.append(Bar("streams held at once, fewest", min(turn["held_at_once"] for turn in turns), STREAMS))
        bars.append(Bar("growth, MiB", measure_growth(turns) / 2**20, ALLOWED_GROWTH_BYTES / 2**20, True))
    for name in ("job", "file", "models") if "reads" in report else ():
        bars.append(Bar(f"reads/s of {name}", take_median(report["reads"][name], "per_second"), READS_PER_SECOND))
    if "uploads" in report:
        extra = max(turn["extra_bytes"] for turn in report["uploads"]["upload"])
        bars.append(Bar("upload, extra MB", extra / 1e6, EXTRA_BYTES / 1e6, True))
    if "sharing" in report:
        bars.append(Bar("chat p95, beside / alone", compare_p95(report["sharing"]), FAIR_FACTOR * RISE, True))
    return bars


def compare_p95(turns: Mapping[str, Sequence[Turn]]) -> float:
    from server.measure import find_p95

    alone, beside = (find_p95([taken for turn in turns[name] for taken in turn["chats"]]) for name in ("alone", "beside"))
    return beside / alone


def list_lines(report: Report) -> list[str]:
    lines = []
    for task in ("chats", "reads", "streams"):
        for name, turns in report.get(task, {}).items():
            line = f"{task:8}  {name:7}"
            for figure, scale, unit in SHOWN[task]:
                line += f"  {figure.partition('_')[0]} {take_median(turns, figure) * scale:,.1f} {unit}"
            work = median(turn["processor_seconds"] / turn["requests"] for turn in turns)
            line += f"  work {work * 1000:.3f} ms"
            if name != "bare":
                line += f"  ({compare_work(report[task], name, 'bare'):.1f} x bare's)"
            lines.append(line)
    for name, turns in report.get("uploads", {}).items():
        extra = max(turn["extra_bytes"] for turn in turns) / 1e6
        lines.append(f"uploads   {name:7}  {take_median(turns, 'seconds'):.1f} s  most extra {extra:.0f} MB")
    for name, turns in report.get("sharing", {}).items():
        work = [turn["trainer_processor_seconds"] / turn["seconds"] for turn in turns]
        line = f"sharing   {name:7}  p50 {take_median(turns, 'p50_seconds'):.2f} s  p95 {take_median(turns, 'p95_seconds'):.2f} s"
        lines.append(f"{line}  trainer {median(work):.2f} cores")
    return lines


SHOWN = {
    "chats": [("p50_seconds", 1000, "ms"), ("p95_seconds", 1000, "ms")],
    "reads": [("per_second", 1, "a second")],
    "streams": [("first_p95_seconds", 1000, "ms until the first event (p95)"), ("rss_bytes", 2**-20, "MiB")],
}


def print_table(report: Report) -> None:
    for line in list_lines(report):
        print(line)
    if "reads" in report:
        ceiling = take_median(report["reads"]["bare"], "per_second")
        ratios = {name: compare(report["reads"], name, "bare", "per_second") for name in ("job", "file", "models")}
        shown = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
        print(f"of the {ceiling:,.0f} reads/s that bare uvicorn can do here: {shown}")
    for bar in list_bars(report):
        print(f"bar {bar.name}: {bar.value:,.1f}, limit {bar.limit:,.0f}: {bar.verdict}")
