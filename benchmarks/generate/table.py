"""A report becomes the table that is read."""

from __future__ import annotations

from statistics import median
from typing import Any

from generate.figures import ALONE, compare, compare_work, list_bars, measure_alone, measure_speed

MIB = 2**20
BUSY_FRACTION = 0.1
"""Of the cores used by other programs, from which on the table warns."""

OURS = ("luthier", "one adapter", "eight adapters")


def print_table(report: dict[str, Any]) -> None:
    turns = report["turns"]
    print_row("the held-out job", "tokens/s", "a core's s", "Luthier is", "(its work)", "peak MiB", "ready s", "turns")
    for task, taken in turns.items():
        if not task.endswith(ALONE):
            print_speed(task, taken, report)
    print()
    print_row("one prompt at a time", "first, ms", "tokens/s")
    for task, taken in turns.items():
        if task.endswith(ALONE):
            alone = measure_alone(taken)
            print_row(
                task.removesuffix(ALONE), f"{alone.first_token_seconds * 1e3:.0f}", f"{alone.tokens_per_second:.1f}"
            )
    print_bars(report)
    for name, reason in report["missing"].items():
        print(f"\nleft out: {name}: {reason}")
    print_conditions(report)


def print_speed(task: str, taken: list[dict[str, Any]], report: dict[str, Any]) -> None:
    speed = measure_speed(taken)
    ready = report["ready_seconds"].get(task)
    ratios = [compare(report["turns"], "luthier", task), compare_work(report["turns"], "luthier", task)]
    is_ours = task in OURS
    print_row(
        task,
        f"{speed.clock:.0f}",
        f"{speed.work:.0f}",
        *("" if ratio is None or is_ours else f"{ratio:.2f}×" for ratio in ratios),
        f"{speed.peak_bytes / MIB:.0f}",
        "" if ready is None else f"{ready:.1f}",
        str(speed.turns),
    )


def print_row(name: str, *cells: str) -> None:
    print(f"{name:28}" + "".join(f"{cell:>12}" for cell in cells))


def print_bars(report: dict[str, Any]) -> None:
    exact = report.get("exact") or {}
    print()
    for bar in list_bars(report["turns"], equal=exact.get("equal"), exact_rows=exact.get("rows", 0)):
        value = "-" if bar.value is None else f"{bar.value:.3g}"
        print(f"{bar.name:58}{value:>8}   bar {'<' if bar.is_ceiling else '≥'} {bar.limit:<6g}{bar.verdict}")


def print_conditions(report: dict[str, Any]) -> None:
    fractions = [t["foreign_fraction"] for taken in report["turns"].values() for t in taken if "foreign_fraction" in t]
    prompts = report["prompts"]
    print(
        f"\n{prompts['rows']} prompts of {prompts['shortest']} to {prompts['longest']} tokens, {prompts['shared']} of "
        f"them the same for all; {prompts['answer_tokens']} tokens of answers; {report['shares']}."
    )
    print(f"Medians over rounds in turns, {report['seconds']:.0f} seconds in all.", end=" ")
    if fractions:
        print(f"Other programs used {median(fractions):.0%} of the cores.")
        if median(fractions) > BUSY_FRACTION:
            print("The machine was busy: trust the ratio of the cores' work, in brackets, more than that of the clock.")


def print_search(report: dict[str, Any]) -> None:
    """The ways that were tried of each contestant, by speed."""
    for name, ways in report["search"].items():
        print(f"\n{name}: answer tokens a second, and for each second that a core worked")
        for way, turns in ways.items():
            speed = measure_speed(turns)
            print_row(way, f"{speed.clock:.0f}", f"{speed.work:.0f}")
