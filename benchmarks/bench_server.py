"""What does the server cost beside the model, what can it hold, and what do chats suffer while a job trains?

    python benchmarks/bench_server.py --json server.json
    python benchmarks/bench_server.py --only chats --only reads     (some of the tasks)
    python benchmarks/bench_server.py --quick                       (few requests, one round: only to see it work)

    chats     one chat after the other, with an engine that answers at once
    reads     jobs, files and the list of models, as fast as they come
    streams   five hundred at once, several times; memory must not grow
    uploads   512 MiB, in how much memory
    sharing   a real `luthier serve`: chats alone and while a job trains; needs the base

The API process is the server's own, with its key check, log and metrics, and asks an engine in a process of its own.
The yardstick is a bare Starlette under the same uvicorn. Both have their turns in rounds; other programs on the machine
hit both sides of a ratio, and less the work, which is how long the process had a core for each request.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from server.measure import MEBIBYTE, Plan, take_chats, take_reads, take_streams, take_uploads
from server.scene import set_scene
from server.sharing import SharingPlan, compare_alone_and_beside
from server.table import print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

TASKS = {"chats": take_chats, "reads": take_reads, "streams": take_streams, "uploads": take_uploads}
SHARING = "sharing"
QUICK = Plan(
    rounds=1,
    chats=20,
    streams=20,
    words=3,
    stream_rounds=3,
    read_seconds=0.3,
    upload_bytes=8 * MEBIBYTE,
    uploads=1,
)


def main() -> None:
    options = parse_options()
    chosen = options.only or [*TASKS, SHARING]
    report: dict[str, Any] = {"machine": describe_machine()}
    with tempfile.TemporaryDirectory(prefix="luthier-bench-") as folder:
        if set(chosen) & set(TASKS):
            report |= take_tasks(Path(folder), QUICK if options.quick else Plan(), chosen)
        if SHARING in chosen:
            plan = SharingPlan(1, 3) if options.quick else SharingPlan()
            report[SHARING] = compare_alone_and_beside(Path(folder), options.base, plan)
    print_table(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few requests and one round")
    parser.add_argument("--only", action="append", choices=[*TASKS, SHARING], help="this task, and others so named")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every turn")
    parser.add_argument("--base", default="smollm2-135m", help="the base that chats and trains (default: smollm2-135m)")
    return parser.parse_args()


def take_tasks(folder: Path, plan: Plan, chosen: Sequence[str]) -> dict[str, Any]:
    with set_scene(folder) as scene:
        return {name: uvloop.run(take(scene, plan)) for name, take in TASKS.items() if name in chosen}


def describe_machine() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "argv": sys.argv[1:],
    }


if __name__ == "__main__":
    main()
