"""What was measured becomes one table: each task beside its yardstick, and whether it reaches what was set."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from generate.figures import Bar

from server.measure import find_p95

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from server.measure import Turn

CHAT_MILLISECONDS = 5.0
STREAMS = 500
READS_PER_SECOND = 2000
EXTRA_MEGABYTES = 200.0
FAIR_FACTOR = 2.0
"""Two programs on the same cores have half of them each."""

RISE = 2.0
"""How much more than by its fair share a chat may slow down."""

ALLOWED_GROWTH_MEBIBYTES = 8.0
"""Heaps breathe."""

READS = ("job", "file", "models")

Report = dict[str, Any]


class Figure(NamedTuple):
    """Which number of a turn is shown, how, and times what."""

    name: str
    words: str
    scale: float = 1.0

    def show(self, turns: Sequence[Turn]) -> str:
        return self.words.format(self.scale * take_median(turns, self.name))


SHOWN = {
    "chats": [Figure("p50_seconds", "p50 {:.2f} ms", 1000), Figure("p95_seconds", "p95 {:.2f} ms", 1000)],
    "reads": [Figure("per_second", "{:,.0f} a second")],
    "streams": [Figure("first_p95_seconds", "first event, p95 {:.2f} s"), Figure("rss_bytes", "{:.0f} MiB", 2**-20)],
    "uploads": [Figure("seconds", "{:.1f} s"), Figure("extra_bytes", "{:.0f} MB more at its peak", 1e-6)],
    "sharing": [
        Figure("p50_seconds", "p50 {:.2f} s"),
        Figure("p95_seconds", "p95 {:.2f} s"),
        Figure("trainer_cores", "trainer {:.2f} cores"),
        Figure("engine_cores", "engine {:.2f} cores"),
    ],
}


def print_table(report: Report) -> None:
    for line in list_lines(report):
        print(line)
    if "reads" in report:
        ceiling = take_median(report["reads"]["bare"], "per_second")
        ratios = (f"{name} {compare(report['reads'], name, 'bare', 'per_second'):.2f}" for name in READS)
        print(f"of the {ceiling:,.0f} reads/s that bare uvicorn can do here: {', '.join(ratios)}")
    for bar in list_bars(report):
        print(f"bar {bar.name}: {bar.value:,.1f}, limit {bar.limit:,.0f}: {bar.verdict}")


def list_lines(report: Report) -> list[str]:
    """A line for each side of each task, in medians over the rounds."""
    lines = []
    for task, figures in SHOWN.items():
        for name, turns in report.get(task, {}).items():
            parts = [figure.show(turns) for figure in figures]
            if "requests" in turns[0]:
                parts.append(f"work {1000 * median(measure_work(turn) for turn in turns):.3f} ms")
                parts += [f"({compare_work(report[task], name):.1f} x bare's)"] if name != "bare" else []
            lines.append("  ".join([f"{task:8}", f"{name:7}", *parts]))
    return lines


def list_bars(report: Report) -> list[Bar]:
    """Those of the tasks that had turns."""
    bars = []
    if "chats" in report:
        p50 = 1000 * take_median(report["chats"]["chat"], "p50_seconds")
        bars.append(Bar("chat p50, ms", p50, CHAT_MILLISECONDS, is_ceiling=True))
    if "streams" in report:
        turns = report["streams"]["chat"]
        bars.append(Bar("whole streams, fewest of a round", min(turn["whole"] for turn in turns), STREAMS))
        bars.append(Bar("streams held at once, fewest", min(turn["held_at_once"] for turn in turns), STREAMS))
        growth = measure_growth(turns) / 2**20
        bars.append(Bar("growth of memory, MiB", growth, ALLOWED_GROWTH_MEBIBYTES, is_ceiling=True))
    for name in READS if "reads" in report else ():
        bars.append(Bar(f"reads/s of {name}", take_median(report["reads"][name], "per_second"), READS_PER_SECOND))
    if "uploads" in report:
        extra = max(turn["extra_bytes"] for turn in report["uploads"]["upload"]) / 1e6
        bars.append(Bar("upload, most extra MB", extra, EXTRA_MEGABYTES, is_ceiling=True))
    if "sharing" in report:
        bars.append(Bar("chat p95 beside / alone", compare_p95(report["sharing"]), FAIR_FACTOR * RISE, is_ceiling=True))
    return bars


def take_median(turns: Sequence[Turn], name: str) -> float:
    return float(median(turn[name] for turn in turns))


def compare(turns: Mapping[str, Sequence[Turn]], one: str, other: str, name: str) -> float:
    """How often a number of `other` goes into that of `one`: the median over the rounds, so that what else the machine
    did in a round hits both sides of its ratio."""
    return float(median(mine[name] / its[name] for mine, its in zip(turns[one], turns[other], strict=True)))


def compare_work(turns: Mapping[str, Sequence[Turn]], name: str) -> float:
    """How often what a request costs the yardstick's process goes into what it costs ours."""
    return median(measure_work(mine) / measure_work(its) for mine, its in zip(turns[name], turns["bare"], strict=True))


def measure_work(turn: Turn) -> float:
    """Seconds of a core for each request."""
    return float(turn["processor_seconds"] / turn["requests"])


def measure_growth(turns: Sequence[Turn]) -> float:
    """Bytes by which memory is more in the end than after the second turn: by then all caches have their size.

    Raises SystemExit for too few turns to tell.
    """
    if len(turns) < 3:
        raise SystemExit("too few rounds to see whether memory grows")
    return float(turns[-1]["rss_bytes"] - turns[1]["rss_bytes"])


def compare_p95(turns: Mapping[str, Sequence[Turn]]) -> float:
    """Over all chats of a side at once, since a turn has few."""
    alone, beside = ([taken for turn in turns[name] for taken in turn["chats"]] for name in ("alone", "beside"))
    return find_p95(beside) / find_p95(alone)
