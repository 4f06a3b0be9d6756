"""How fast does Luthier answer beside other engines, one prompt or two hundred, and does it answer the same?

    python benchmarks/bench_generate.py --json generate.json           (all of it; begun again, it goes on where it was)
    python benchmarks/bench_generate.py --quick --json generate.json   (half of the prompts, one round)
    python benchmarks/bench_generate.py --only luthier --only static   (some of the engines)
    python benchmarks/bench_generate.py --search                       (transformers in the ways that were tried)

All engines answer the same prompts, as the same tokens, greedily and in bfloat16, with answers of the same mixed
lengths: a copy of the base, which never ends an answer by itself, makes each as long as is asked for. Static batches
run until their longest answer is there. Each engine is a process that stays alive, forgets all prompts before each
turn, and sleeps while it is not its turn. Loading does not count. The others are installed from requirements-
generate-*.txt, each into an environment of its own; one that cannot be installed, or fails, is left out, and the
table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from generate.contest import ContestantFailed
from generate.contestants import ENTRIES, enter_exact, enter_search
from generate.job import Row
from generate.measure import Course, Plan, compare_exactly, search_ways, take_rounds, tell
from generate.models import copy_endless
from generate.peers import FOLDER, PeerMissing
from generate.table import print_search, print_table
from generate.workload import ROWS, build_prompts, build_streams

import luthier  # noqa: F401  (before torch, whose threads it sets)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generate.contestants import Contestant
    from generate.workload import Prompt

    from luthier.tokens.chat_template import ChatTemplate

FULL = Plan(rounds=3)
QUICK = Plan(rounds=1, every=2, slow_every=8, exact_rows=8, streams=4)
STREAM_ANSWER_TOKENS = 64


def main() -> None:
    options = parse_options()
    started = perf_counter()
    # An end that is asked for, too, must end the engines.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before the last turn"))
    model, template = prepare_base(options.base, options.peers)
    with tempfile.TemporaryDirectory(prefix="luthier-bench-") as folder:
        course = prepare_course(options, template, Path(folder), started)
        if options.search:
            print_search({"search": search_ways(course, enter_search(model))})
            return
        contestants = enter_all(options, model, course.report)
        take_rounds(course, contestants)
        if not options.only and course.report["exact"] is None:
            compare_answers(course, model)
        course.keep()
    print_table(course.report)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="half of the prompts and one round")
    parser.add_argument("--rows", type=int, default=ROWS, metavar="N", help=f"prompts of the job (default: {ROWS})")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each engine has its turn")
    parser.add_argument("--only", action="append", choices=ENTRIES, help="this engine, and others so named")
    parser.add_argument("--search", action="store_true", help="try transformers' settings")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where every turn is kept, and taken up from")
    parser.add_argument(
        "--peers",
        type=Path,
        default=FOLDER,
        metavar="DIR",
        help=f"environments of the other engines and models for them; made if not there (default: {FOLDER})",
    )
    parser.add_argument("--base", default="smollm2-135m", help="base model: a name or a folder")
    return parser.parse_args()


def prepare_base(name: str, peers: Path) -> tuple[Path, ChatTemplate]:
    """The copy that never ends an answer, and its template."""
    from luthier.models.catalog import Base, locate_base
    from luthier.models.loading import load_template
    from luthier.pipeline import open_home

    model = copy_endless(locate_base(open_home(), name), peers / "models")
    return model, load_template(Base("endless", model))


def prepare_course(options: argparse.Namespace, template: ChatTemplate, folder: Path, started: float) -> Course:
    plan = QUICK if options.quick else FULL
    if options.rounds:
        plan = Plan(options.rounds, plan.every, plan.slow_every, plan.exact_rows, plan.streams)
    prompts = build_prompts(template, rows=options.rows)
    streams = build_streams(template, count=plan.streams, answer_tokens=STREAM_ANSWER_TOKENS)
    report = read_report(options.json, compute_key(plan, prompts))
    before = report["seconds"]
    report["prompts"] = describe_prompts(prompts[:: plan.every])
    report["shares"] = "the whole job" if plan.every == 1 else f"one in {plan.every} of the whole job"

    def keep() -> None:
        report["seconds"] = before + perf_counter() - started
        if options.json:
            fresh = options.json.with_suffix(".part")
            fresh.write_text(json.dumps(report, indent=1), encoding="utf-8")
            fresh.replace(options.json)

    return Course(plan, [export_row(p) for p in prompts], [export_row(p) for p in streams], folder, report, keep)


def enter_all(options: argparse.Namespace, model: Path, report: dict[str, Any]) -> list[Contestant]:
    """What they need is made before anything is timed."""
    entered = []
    report["missing"] = {}
    for name, enter in ENTRIES.items():
        if options.only and name not in options.only:
            continue
        try:
            entered.append(enter(model, options.peers))
        except PeerMissing as error:
            report["missing"][name] = str(error)
    return entered


def compare_answers(course: Course, model: Path) -> None:
    try:
        course.report["exact"] = compare_exactly(course, enter_exact(model))
    except ContestantFailed as error:
        course.report["missing"]["answers in float32"] = str(error)


def read_report(file: Path | None, key: str) -> dict[str, Any]:
    """That of a run with the same plan, to go on with; else an empty one."""
    if file and file.exists():
        report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if report["key"] == key:
            tell(f"going on with {file}")
            return report
        raise SystemExit(f"{file} is of another plan: give another --json, or delete it")
    fresh: dict[str, Any] = {"key": key, "turns": {}, "ready_seconds": {}, "missing": {}, "versions": {}}
    return {**fresh, "exact": None, "seconds": 0.0, "machine": describe_machine()}


def compute_key(plan: Plan, prompts: Sequence[Prompt]) -> str:
    """Of what makes turns comparable; more rounds may be asked for later."""
    parts = (plan.every, plan.slow_every, plan.exact_rows, plan.streams, [(p.ids, p.answer_tokens) for p in prompts])
    return sha256(repr(parts).encode()).hexdigest()[:16]


def export_row(prompt: Prompt) -> Row:
    return Row(list(prompt.ids), prompt.answer_tokens, [[m.role, m.content] for m in prompt.messages])


def describe_prompts(prompts: Sequence[Prompt]) -> dict[str, int]:
    from luthier.tokens.tree import count_common

    lengths = [len(prompt.ids) for prompt in prompts]
    return {
        "rows": len(prompts),
        "shortest": min(lengths),
        "longest": max(lengths),
        "shared": min(count_common(prompts[0].ids, prompt.ids) for prompt in prompts[1:]),
        "answer_tokens": sum(prompt.answer_tokens for prompt in prompts),
    }


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
