"""How fast does Luthier train beside TRL, with how much memory, and does it learn the same?

    python benchmarks/bench_train.py --json train.json          (all of it)
    python benchmarks/bench_train.py --quick --json train.json  (fewer rounds and smaller steps, for a first look)
    python benchmarks/bench_train.py --variants orders          (TRL in all the ways that were tried to find its best)
    python benchmarks/bench_train.py --shape 8b                 (random weights, rows of 2,048 tokens; needs a GPU)

All engines train the same rows, as the same tokens, in the same order, with the same adapter, optimizer and learning
rates. Each is a process that stays alive; they take their steps in turns. Speeds count the real tokens of the separate
rows, so padding does not count, and what Luthier computes once for several rows does for each. TRL is taken as it comes
and with the settings that were found best for it; it is installed from requirements-train.txt into an environment of
its own. Prints one table and writes every measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from train.contest import THREADS, EngineFailed
from train.engines import BEST, VARIANTS
from train.figures import compare_peaks, compare_workload
from train.measure import (
    Plan,
    Setting,
    measure_first_step,
    measure_losses,
    measure_variants,
    measure_varied_shapes,
    measure_workload,
)
from train.peers import FOLDER, prepare_peers, read_versions
from train.rows import build_workloads
from train.shapes import SHAPES, build_packed
from train.table import print_table, print_variants

if TYPE_CHECKING:
    from train.measure import Standing
    from train.rows import Workload

FULL = Plan({"orders": 8, "shared_prompt": 8, "long_rows": 8, "dpo": 8})
QUICK = Plan(
    {"orders": 8, "shared_prompt": 8, "long_rows": 2, "dpo": 2},
    warm_up=1,
    rounds=4,
    seconds=15.0,
    loss_steps=6,
    loss_batch_size=4,
    float32_seeds=1,
    varied_steps=0,
    first_steps=1,
)


def main() -> None:
    options = parse_options()
    started = perf_counter()
    peers = prepare_peers(options.peers)
    versions = {
        "luthier": read_versions(Path(sys.executable), ("torch", "peft", "transformers")),
        "trl": read_versions(peers),
    }
    with tempfile.TemporaryDirectory(prefix="luthier-bench-") as folder:
        try:
            report = measure(options, peers, Path(folder))
        except EngineFailed as error:
            raise SystemExit(str(error)) from error
    report |= {"versions": versions, "machine": describe_machine(), "seconds": perf_counter() - started}
    keep(report, options.json)
    if options.variants:
        print_variants(report)
    else:
        print_table(report)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller steps")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where every measurement is written")
    parser.add_argument(
        "--peers",
        type=Path,
        default=FOLDER,
        metavar="DIR",
        help=f"environment with TRL; made if it is not there (default: {FOLDER})",
    )
    parser.add_argument("--base", default="smollm2-135m", help="base model: a name or a folder")
    parser.add_argument(
        "--shape", choices=SHAPES, help="random weights of this shape in place of a base; all but tiny need a GPU"
    )
    parser.add_argument(
        "--variants", metavar="DATASET", help="try TRL's settings on orders, shared_prompt, long_rows or dpo"
    )
    options = parser.parse_args()
    if options.shape and options.variants:
        parser.error("--variants tries settings on a base, not on a shape")
    return options


def measure(options: argparse.Namespace, peers: Path, folder: Path) -> dict[str, Any]:
    plan = QUICK if options.quick else FULL
    if options.shape:
        return measure_shape(options.shape, peers, folder, plan)
    setting, workloads = prepare_base(options.base, peers, folder)
    if options.variants:
        if options.variants not in workloads:
            raise SystemExit(f"no data set is called {options.variants!r}: take one of {', '.join(workloads)}")
        workload = workloads[options.variants]
        return summarise_variants(measure_variants(setting, workload, plan), BEST[workload.kind])
    return measure_all(setting, workloads, plan, options)


def prepare_base(name: str, peers: Path, folder: Path) -> tuple[Setting, dict[str, Workload]]:
    from luthier.models.catalog import locate_base
    from luthier.models.loading import load_template
    from luthier.pipeline import open_home

    base = locate_base(open_home(), name)
    return Setting(base.folder, peers, folder), build_workloads(load_template(base))


def measure_all(
    setting: Setting, workloads: dict[str, Workload], plan: Plan, options: argparse.Namespace
) -> dict[str, Any]:
    """After each part what is known by then is kept: the whole takes long."""
    from luthier.data.examples import example_path

    standings: dict[str, Standing] = {}
    for name, workload in workloads.items():
        # A quick run has no time for TRL's preference training as it comes, which no published number needs.
        sides = ("best",) if options.quick and workload.kind == "dpo" else ("best", "default")
        tell(f"{name}: Luthier and TRL ({', '.join(sides)})")
        standings[name] = measure_workload(setting, workload, plan, sides=sides, has_peak=name == "orders")
        report = summarise(standings)
        keep(report, options.json)
    if plan.varied_steps:
        tell("memory over batches of varied shapes")
        varied = measure_varied_shapes(setting, [w for w in workloads.values() if w.kind == "sft"], plan)
        report["peak_bytes"]["varied"] = {side: measured.peak_bytes for side, measured in varied.items()}
        every = {**{name: standing.measured for name, standing in standings.items()}, "varied": varied}
        report["ratios"]["peak_memory_vs_best"] = compare_peaks(every)
        keep(report, options.json)
    tell("held-out losses over seeds")
    report["final_loss"] = measure_losses(setting, workloads["orders"], plan)
    keep(report, options.json)
    tell("time until the first step")
    seconds = measure_first_step(setting, example_path(), plan)
    report["first_step_seconds"] = {"luthier tune": median(seconds), "measured": seconds}
    return report


def measure_shape(name: str, peers: Path, folder: Path, plan: Plan) -> dict[str, Any]:
    """Speed and memory alone: random weights on random tokens have nothing to learn."""
    import torch

    from luthier.models.architecture import read_architecture

    if name != "tiny" and not torch.cuda.is_available():
        raise SystemExit(f"--shape {name} needs a GPU: a step of it would take minutes on a CPU")
    tell(f"random weights of shape {name}")
    command = [sys.executable, "-m", "train.shapes", name, str(folder / "model")]
    subprocess.run(command, cwd=Path(__file__).parent, check=True)
    workload = build_packed(name)
    plan = replace(
        plan, batch_sizes={workload.name: SHAPES[name].batch_size}, rounds=30 if torch.cuda.is_available() else 3
    )
    standing = measure_workload(Setting(folder / "model", peers, folder), workload, plan, has_peak=True)
    report = summarise({workload.name: standing})
    # As others publish it: four operations a token and weight, embeddings and head among them, and nothing else.
    operations = 4 * read_architecture(folder / "model").parameters * standing.measured["luthier"].speed
    return {"shape": name, **report, "matmul_share_4n": operations / report["matmul_flops_per_second"]}


def summarise(standings: dict[str, Standing]) -> dict[str, Any]:
    """What the table shows, and under `turns` all that it was made of."""
    report: dict[str, Any] = {"ratios": {}, "processor_ratios": {}}
    for name, standing in standings.items():
        for key, values in compare_workload(name, standing.measured).items():
            report[key] |= values
    by_side = {name: standing.measured for name, standing in standings.items()}
    report["ratios"]["peak_memory_vs_best"] = compare_peaks(by_side)
    report["matmul_share"] = next(standing.share for standing in standings.values() if standing.share is not None)
    products = [m["products"] for m in by_side.values() if "products" in m]
    report["matmul_flops_per_second"] = median(t.figures["flops_per_second"] for m in products for t in m.turns)
    report["tokens_per_second"] = {
        name: {side: m.speed for side, m in sides.items() if side != "products"} for name, sides in by_side.items()
    }
    report["peak_bytes"] = {
        name: {side: m.peak_bytes for side, m in sides.items() if side != "products"} for name, sides in by_side.items()
    }
    report |= summarise_turns(standings)
    report["trl_settings"] = {"default": {}, **{f"best, {kind}": VARIANTS[name].options for kind, name in BEST.items()}}
    return report


def summarise_variants(standings: dict[str, Standing], best: str) -> dict[str, Any]:
    """Each variant's speed, work and memory as multiples of those of `best`, which stood beside it."""
    sides = {name: (standing.measured[name], standing.measured[best]) for name, standing in standings.items()}
    return {
        "best": best,
        "ratios": {name: one.speed / other.speed for name, (one, other) in sides.items()},
        "processor_ratios": {name: one.processor_speed / other.processor_speed for name, (one, other) in sides.items()},
        "peak_memory": {name: one.peak_bytes / other.peak_bytes for name, (one, other) in sides.items()},
        **summarise_turns(standings),
    }


def summarise_turns(standings: dict[str, Standing]) -> dict[str, Any]:
    turns = [turn for standing in standings.values() for taken in standing.rounds for turn in taken.values()]
    return {
        "foreign_fraction": median(turn.foreign_fraction for turn in turns),
        "counted_rounds": {name: len(next(iter(s.measured.values())).turns) for name, s in standings.items()},
        "ready_seconds": {name: standing.ready_seconds for name, standing in standings.items()},
        "turns": {
            name: [{side: turn._asdict() for side, turn in taken.items()} for taken in standing.rounds]
            for name, standing in standings.items()
        },
    }


def describe_machine() -> dict[str, Any]:
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "gpu": gpu,
        "python": platform.python_version(),
        "environment": THREADS,
    }


def keep(report: dict[str, Any], file: Path | None) -> None:
    if file:
        file.write_text(json.dumps(report, indent=2), encoding="utf-8")


def tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
