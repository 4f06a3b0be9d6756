"""A report becomes the table that is read."""

from __future__ import annotations

from typing import Any

MIB = 2**20
BUSY_FRACTION = 0.1
"""Of the cores used by other programs, from which on the table warns."""


SIDES = {"luthier": "Luthier", "trl_best": "TRL best", "trl_default": "as it comes"}
RATIOS = ("to best", "(its work)", "to default")


def print_table(report: dict[str, Any]) -> None:
    print_row("", ["tokens/s", "", ""], ["Luthier", "to TRL", ""], ["peak memory,", "MiB", ""])
    print_row("", list(SIDES.values()), list(RATIOS), list(SIDES.values()))
    for name, peaks in report["peak_bytes"].items():
        speeds = report["tokens_per_second"].get(name, {})
        print_row(
            name,
            [format_number(speeds.get(side)) for side in SIDES],
            format_ratios(name, report) if speeds else [""] * len(RATIOS),
            [format_number(peaks.get(side), unit=MIB) for side in SIDES],
        )
    print(f"\npeak memory against TRL's best, at worst: {report['ratios']['peak_memory_vs_best']:.2f}")
    peak = report["matmul_flops_per_second"] / 1e9
    print(f"share of the machine's bfloat16 matrix products ({peak:,.0f} GFLOP/s): {report['matmul_share']:.0%}")
    if "matmul_share_4n" in report:
        print(f"the same with 4 operations a token and weight: {report['matmul_share_4n']:.0%}")
    if loss := report.get("final_loss"):
        print_losses(loss)
    if first := report.get("first_step_seconds"):
        print(f"from `luthier tune` to the first step: {first['luthier tune']:.1f} s")
    print_conditions(report)


def print_row(name: str, *groups: list[str]) -> None:
    print(f"{name:14}" + " |".join("".join(f"{cell:>12}" for cell in group) for group in groups))


def format_ratios(name: str, report: dict[str, Any]) -> list[str]:
    """By the clock against the best, by the work of the cores against the best, by the clock against the default."""
    clock, work = report["ratios"], report["processor_ratios"]
    best, default = f"{name}_vs_best", f"{name}_vs_default"
    return [f"{clock[best]:.2f}×", f"({work[best]:.2f}×)", f"{clock[default]:.2f}×" if default in clock else "-"]


def format_number(number: float | None, *, unit: int = 1) -> str:
    return "-" if number is None else f"{number / unit:.0f}"


def print_losses(loss: dict[str, Any]) -> None:
    verdict = "the same within" if loss["is_within_seed_noise"] else "NOT the same: beyond"
    ours, theirs = (sum(loss[side]) / len(loss[side]) for side in ("luthier", "trl_best"))
    print(
        f"held-out loss after {loss['steps']} steps, {len(loss['luthier'])} seeds: Luthier {ours:.4f}, "
        f"TRL {theirs:.4f}, {verdict} the noise of the seeds ({loss['seed_noise']:.4f})"
    )
    print(
        f"held-out loss in bfloat16 {loss['bfloat16']:.4f}, in float32 {loss['float32']:.4f}: "
        f"{loss['precision_difference']:+.2%}"
    )


def print_variants(report: dict[str, Any]) -> None:
    print(f"\nTRL's settings against {report['best']!r}: speed by the clock, by the work of the cores, and peak memory")
    for name, ratio in report["ratios"].items():
        print(f"{name:26}{ratio:>8.2f}×{report['processor_ratios'][name]:>8.2f}×{report['peak_memory'][name]:>8.2f}×")
    print_conditions(report)


def print_conditions(report: dict[str, Any]) -> None:
    rounds = ", ".join(f"{name} {count}" for name, count in report["counted_rounds"].items())
    print(
        f"rounds counted: {rounds}; medians of them. Other programs used {report['foreign_fraction']:.0%} of the cores."
    )
    if report["foreign_fraction"] > BUSY_FRACTION:
        print("The machine was busy: trust the ratio of the cores' work, in brackets, more than that of the clock.")
