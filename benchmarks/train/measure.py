"""Data sets and a plan become rounds of a contest, losses of adapters, and the time until a command's first step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from statistics import mean, median
from time import perf_counter, sleep, time
from typing import TYPE_CHECKING, NamedTuple

from luthier.models.architecture import read_architecture
from luthier.training.config import TrainingConfig
from train.contest import BENCHMARKS, Contest, EngineFailed, build_environment, locate_adapter
from train.engines import (
    BEST,
    VARIANTS,
    build_job,
    enter_luthier,
    enter_products,
    enter_trl,
)
from train.figures import Measured, choose_rounds, compare_losses, count_flops, count_work, measure_share
from train.job import RANK
from train.rows import Workload, count_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from luthier.tokens.pairs import Item
    from train.contest import Entrant, Turn

SEEDS = (0, 1, 2)
MICRO_BATCH_TOKENS = TrainingConfig().micro_batch_tokens
"""Rows share what they begin with when they are computed at once, which is at most so many tokens."""

FIRST_STEP_LIMIT = 120.0
"""Seconds after which a command that has not made a step is given up."""


@dataclass(frozen=True)
class Plan:
    """`seconds` bounds the counted rounds of a data set, of which one is taken in any case.

    Steps in float32 are slow where the hardware has bfloat16, so `float32_seeds` of all seeds may do.
    """

    batch_sizes: dict[str, int]
    warm_up: int = 3
    rounds: int = 7
    seconds: float = 1800.0
    loss_steps: int = 48
    loss_batch_size: int = 8
    float32_seeds: int = 3
    varied_steps: int = 12
    first_steps: int = 3


@dataclass(frozen=True)
class Setting:
    """The base's folder, the Python of the peers and a folder for jobs and adapters."""

    model: Path
    peers: Path
    folder: Path

    def locate(self, *parts: str) -> Path:
        return self.folder.joinpath(*(part.replace(" ", "-").replace(",", "") for part in parts))


class Standing(NamedTuple):
    """What a contest over one data set gave.

    `share` is Luthier's of the machine's matrix products, if those took part.
    """

    measured: dict[str, Measured]
    rounds: list[dict[str, Turn]]
    ready_seconds: dict[str, float]
    share: float | None


def measure_workload(
    setting: Setting,
    workload: Workload,
    plan: Plan,
    *,
    sides: Sequence[str] = ("best", "default"),
    has_peak: bool = False,
) -> Standing:
    """Luthier and TRL's `sides` on the same batches; with `has_peak` bare matrix products take their turn as well."""
    count = plan.warm_up + plan.rounds
    batches = workload.deal(count, plan.batch_sizes[workload.name], seed=0)
    options = {"best": VARIANTS[BEST[workload.kind]].options, "default": VARIANTS["default"].options}
    works = [count_work(batch, token_budget=MICRO_BATCH_TOKENS) for batch in batches]
    entrants = [enter_luthier(build_job(workload, batches, setting.model, setting.locate(workload.name, "luthier")))]
    for side in sides:
        folder = setting.locate(workload.name, side)
        job = build_job(workload, batches, setting.model, folder, options=options[side])
        entrants.append(enter_trl(job, f"trl_{side}", setting.peers))
    architecture = read_architecture(setting.model)
    if has_peak:
        tokens = round(median(work.tokens for work in works))
        entrants.append(enter_products(architecture, tokens, setting.locate(workload.name, "products")))
    standing = hold_contest(entrants, {entrant.name: batches for entrant in entrants}, plan)
    if not has_peak:
        return standing
    counted = [plan.warm_up + place for place in choose_rounds(standing.rounds)]
    flops = [count_flops(architecture, works[place], rank=RANK) for place in counted]
    ours, products = (standing.measured[name].turns for name in ("luthier", "products"))
    return standing._replace(share=measure_share(flops, ours, products))


def measure_variants(setting: Setting, workload: Workload, plan: Plan) -> dict[str, Standing]:
    """TRL in each way that was tried beside TRL in the way that is taken for its best: two at a time fit the memory."""
    best = BEST[workload.kind]
    batches = workload.deal(plan.warm_up + plan.rounds, plan.batch_sizes[workload.name], seed=0)
    standings = {}
    for name, variant in VARIANTS.items():
        if name == best or workload.kind not in variant.kinds:
            continue
        dealt = {best: batches, name: group_by_length(batches) if variant.is_grouped else batches}
        entrants = []
        for side, side_batches in dealt.items():
            folder = setting.locate(workload.name, name, side)
            job = build_job(workload, side_batches, setting.model, folder, options=VARIANTS[side].options)
            entrants.append(enter_trl(job, side, setting.peers))
        standings[name] = hold_contest(entrants, dealt, plan)
    return standings


def group_by_length(batches: Sequence[Sequence[Item]]) -> list[list[Item]]:
    """The same items in batches of about equal lengths, the longest and shortest in turn."""
    size = len(batches[0])
    order = sorted(chain.from_iterable(batches), key=lambda item: item.rows[0].token_count)
    groups = [order[start : start + size] for start in range(0, len(order), size)]
    return [groups[place // 2] if place % 2 else groups[-1 - place // 2] for place in range(len(groups))]


def hold_contest(entrants: Sequence[Entrant], batches: dict[str, list[list[Item]]], plan: Plan) -> Standing:
    rounds: list[dict[str, Turn]] = []
    with Contest(entrants) as contest:
        for _ in range(plan.warm_up):
            contest.take_round()
        deadline = perf_counter() + plan.seconds
        while len(rounds) < plan.rounds and (not rounds or perf_counter() < deadline):
            rounds.append(contest.take_round())
    places = choose_rounds(rounds)
    measured = {
        entrant.name: Measured(
            [count_tokens(batches[entrant.name][plan.warm_up + place]) for place in places],
            [rounds[place][entrant.name] for place in places],
        )
        for entrant in entrants
    }
    return Standing(measured, rounds, contest.ready_seconds, None)


def measure_losses(setting: Setting, workload: Workload, plan: Plan) -> dict[str, Any]:
    """Held-out losses after the same steps, found by a third program; and Luthier's own in both of its precisions."""
    rivals: list[Entrant] = []
    own: dict[str, list[float]] = {"luthier": [], "luthier_float32": []}
    for seed in SEEDS:
        batches = workload.deal(plan.loss_steps, plan.loss_batch_size, seed=seed)
        job = build_job(workload, batches, setting.model, setting.locate("losses", f"luthier-{seed}"), seed=seed)
        best = replace(job, folder=str(setting.locate("losses", f"trl-{seed}")), options=VARIANTS[BEST["sft"]].options)
        entrants = [enter_luthier(job), enter_trl(best, "trl_best", setting.peers)]
        rivals += entrants
        if seed < plan.float32_seeds:
            exact = replace(job, folder=f"{job.folder}-float32", options={"precision": "float32"})
            entrants.append(enter_luthier(exact, "luthier_float32"))
        with Contest(entrants) as contest:
            for _ in range(plan.loss_steps):
                contest.take_round()
            saved = contest.save_adapters()
        if seed < plan.float32_seeds:
            for name, losses in own.items():
                losses.append(saved[name]["own_held_out_loss"])
    losses = judge_adapters(rivals)
    bfloat16, float32 = mean(own["luthier"]), mean(own["luthier_float32"])
    return {
        **compare_losses(losses[0::2], losses[1::2]),
        "steps": plan.loss_steps,
        "bfloat16": bfloat16,
        "float32": float32,
        "precision_difference": bfloat16 / float32 - 1,
    }


def judge_adapters(entrants: Sequence[Entrant]) -> list[float]:
    job = Path(entrants[0].job.folder) / "job.json"
    folders = [str(locate_adapter(entrant.job)) for entrant in entrants]
    command = [sys.executable, "-m", "train.judge", str(job), *folders]
    done = subprocess.run(command, cwd=BENCHMARKS, env=build_environment(), capture_output=True, text=True)
    if done.returncode:
        raise EngineFailed(f"the judge ended without an answer:\n{done.stderr[-2000:]}")
    losses: list[float] = json.loads(done.stdout)
    return losses


def measure_varied_shapes(setting: Setting, workloads: Sequence[Workload], plan: Plan) -> dict[str, Measured]:
    """Memory over steps whose batches are now short and now long, as an allocator likes least."""
    size = min(plan.batch_sizes[workload.name] for workload in workloads)
    dealt = [workload.deal(plan.varied_steps, size, seed=0) for workload in workloads]
    batches = [dealt[step % len(dealt)][step] for step in range(plan.varied_steps)]
    job = build_job(Workload("varied", "sft", ()), batches, setting.model, setting.locate("varied", "luthier"))
    best = replace(job, folder=str(setting.locate("varied", "trl")), options=VARIANTS[BEST["sft"]].options)
    entrants = [enter_luthier(job), enter_trl(best, "trl_best", setting.peers)]
    steady = replace(plan, warm_up=0, rounds=len(batches))
    return hold_contest(entrants, {entrant.name: batches for entrant in entrants}, steady).measured


def measure_first_step(setting: Setting, data: Path, plan: Plan) -> list[float]:
    """Seconds from `luthier tune` until its first step begins, in a home without a run; one more warms the cache."""
    return [_time_first_step(setting, data) for _ in range(plan.first_steps + 1)][1:]


def _time_first_step(setting: Setting, data: Path) -> float:
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "luthier", "tune", str(data), "--base", str(setting.model)]
        environment = {**os.environ, "LUTHIER_HOME": home, "NO_COLOR": "1"}
        started = time()
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                step = _await_step(Path(home), started, process)
            finally:
                process.kill()
    return step - started


def _await_step(home: Path, started: float, process: subprocess.Popen[bytes]) -> float:
    """When the first step began, by the clock."""
    while process.poll() is None and time() < started + FIRST_STEP_LIMIT:
        for log in home.glob("runs/*/metrics.jsonl"):
            for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
                if line.endswith("\n") and (event := json.loads(line))["event"] == "step":
                    return log.stat().st_mtime - float(event["seconds"])
        sleep(0.02)
    raise SystemExit(f"`luthier tune` made no step within {FIRST_STEP_LIMIT:.0f} seconds")
