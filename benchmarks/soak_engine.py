"""Does the engine's memory stay as it is while the same load goes on and on?

    python benchmarks/soak_engine.py --minutes 10 --json soak.json
    python benchmarks/soak_engine.py --minutes 1 --base FOLDER     (another base; a tiny one for a quick look)

So many requests are always under way: to the base and to more adapters than fit into memory beside it, greedy, drawn
and with a structure, short and long; some are given up, some come too late, some can never be answered. Memory is
looked at every two seconds and, after a warm-up, must not grow. Exits with 1 when it does, when threads or open files
pile up, or when a request ends in another way than it should.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import psutil
from generate.models import make_adapters
from scipy.stats import theilslopes

import luthier  # noqa: F401  (before torch, whose threads it sets)
from luthier.conversation import Message
from luthier.engine.protocol import Request, Response, Sampling, Structure
from luthier.engine.torch_engine import TorchEngine
from luthier.errors import LuthierError, UnknownModel
from luthier.models.card import read_card
from luthier.models.catalog import Base, locate_base
from luthier.models.registry import TunedModel
from luthier.settings import Settings
from luthier.store.home import Home

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.answer import Answer

UNDER_WAY = 24
ADAPTERS = 8
ADAPTERS_THAT_FIT = 4
LOOK_SECONDS = 2.0
WARM_UP_FRACTION = 0.3
"""Of the time: until then all code has been run, all caches are full and all heaps have found their size."""

ALLOWED_GROWTH_FRACTION, ALLOWED_GROWTH_BYTES = 0.01, 16 * 2**20
"""Over the whole time after the warm-up, whichever is more: heaps breathe."""

ALLOWED_MORE = 4
"""Threads or open files."""

SYSTEM = Message("system", "You are a patient assistant who answers every question in full and friendly sentences.")
WORDS = ("river", "stone", "lantern", "copper", "meadow", "engine", "window", "quiet", "garden", "paper", "winter")
SCHEMA = '{"type": "object", "properties": {"name": {"enum": ["a", "b"]}}, "required": ["name"]}'


class Plan(NamedTuple):
    """A request, when it is given up, and the error codes that it may end with instead of an answer."""

    kind: str
    request: Request
    cancel_seconds: float | None = None
    errors: frozenset[str] = frozenset()


class Look(NamedTuple):
    seconds: float
    rss_bytes: int
    threads: int
    files: int


@dataclass
class Soak:
    """What has been seen so far."""

    looks: list[Look] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    tokens: int = 0

    def note(self, plan: Plan, outcome: Response | LuthierError) -> None:
        if isinstance(outcome, Response):
            self.ends[f"{plan.kind}: {outcome.finish_reason}"] += 1
            self.tokens += outcome.completion_tokens
            is_wrong = "unknown model" in plan.kind or "too long" in plan.kind
        else:
            self.ends[f"{plan.kind}: {outcome.code}"] += 1
            is_wrong = outcome.code not in plan.errors
        if is_wrong:
            self.wrong.append(f"{plan.kind}: {outcome}")


class Verdict(NamedTuple):
    """`growth_bytes` is the slope after the warm-up, times the time after it; a slope that outliers do not move."""

    growth_bytes: float
    allowed_bytes: float
    more_threads: int
    more_files: int

    @property
    def is_flat(self) -> bool:
        return self.growth_bytes <= self.allowed_bytes and max(self.more_threads, self.more_files) <= ALLOWED_MORE


def main() -> int:
    options = read_options()
    with tempfile.TemporaryDirectory() as folder:
        models = find_models(options.base, Path(folder))
        engine = TorchEngine(lambda name: resolve(models, name), memory_bytes=choose_memory(models))
        with engine:
            soak = run_soak(engine, list(models), seconds=60 * options.minutes)
    verdict = judge(soak.looks)
    report = describe(soak, verdict)
    print_report(report, soak)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0 if verdict.is_flat and not soak.wrong else 1


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--base", default="smollm2-135m", help="a name that luthier knows, or a folder")
    parser.add_argument("--json", type=Path, help="also write what was seen")
    return parser.parse_args()


def find_models(name: str, folder: Path) -> dict[str, Base | TunedModel]:
    """The base, under that name, and adapters of random numbers on it."""
    base = locate_base(Home(Settings()), name)
    place = folder / "base"
    place.symlink_to(base.folder.resolve(), target_is_directory=True)
    models: dict[str, Base | TunedModel] = {"base": Base("base", place)}
    for adapter in make_adapters(place, ADAPTERS):
        models[adapter.name] = TunedModel(adapter.name, adapter, read_card(adapter))
    return models


def resolve(models: dict[str, Base | TunedModel], name: str) -> Base | TunedModel:
    if name not in models:
        raise UnknownModel(f"no model is called {name!r}")
    return models[name]


def choose_memory(models: dict[str, Base | TunedModel]) -> int:
    """Bytes for the base, some keys and values, and about half of the adapters, so that they come and go."""
    sizes = [sum(file.stat().st_size for file in model.folder.glob("*.safetensors")) for model in models.values()]
    base, adapters = sizes[0], sizes[1:]
    return int(base + 2 * (base / 4 + ADAPTERS_THAT_FIT * max(adapters)))


def run_soak(engine: TorchEngine, names: Sequence[str], *, seconds: float) -> Soak:
    soak, random_plans = Soak(), random.Random(0)
    done: SimpleQueue[int] = SimpleQueue()
    under_way: dict[int, tuple[Plan, Answer, float]] = {}
    process, start, count = psutil.Process(), monotonic(), 0
    while monotonic() < start + seconds or under_way:
        now = monotonic()
        while len(under_way) < UNDER_WAY and now < start + seconds:
            plan = make_plan(random_plans, names)
            answer = engine.submit(plan.request)
            under_way[count] = plan, answer, now
            answer.listen(lambda answer=answer, number=count: done.put(number) if answer.is_done else None)
            count += 1
        for plan, answer, asked_at in under_way.values():
            if plan.cancel_seconds is not None and now > asked_at + plan.cancel_seconds:
                answer.cancel()
        if now < start + seconds and (not soak.looks or now > start + soak.looks[-1].seconds + LOOK_SECONDS):
            soak.looks.append(Look(now - start, process.memory_info().rss, process.num_threads(), process.num_fds()))
            show_progress(soak, seconds)
        take_ended(soak, done, under_way)
    print(file=sys.stderr)
    return soak


def take_ended(soak: Soak, done: SimpleQueue[int], under_way: dict[int, tuple[Plan, Answer, float]]) -> None:
    """Waits a little for the next, and takes all that are there."""
    try:
        number = done.get(timeout=0.05)
        while True:
            plan, answer, _ = under_way.pop(number)
            soak.note(plan, answer.wait_for_outcome(0))
            number = done.get_nowait()
    except Empty:
        return


def make_plan(source: random.Random, names: Sequence[str]) -> Plan:
    """The mix is fixed, and so is its order."""
    kind = source.choices(
        ["greedy", "drawn", "structure", "long", "given up", "late", "unknown model", "too long"],
        weights=[8, 8, 4, 3, 3, 2, 1, 1],
    )[0]
    words = " ".join(source.choices(WORDS, k=source.randint(3, 120 if kind == "long" else 30)))
    sampling = Sampling(max_tokens=source.randint(4, 64))
    if kind in ("drawn", "given up"):
        seed = source.choice([None, source.getrandbits(60)])
        sampling = Sampling(max_tokens=sampling.max_tokens, temperature=1.0, top_p=0.9, seed=seed, top_log_probs=2)
    request = Request(
        model="basse" if kind == "unknown model" else source.choice(names),
        messages=(SYSTEM, Message("user", 9000 * "river " if kind == "too long" else words)),
        sampling=sampling,
        structure=Structure("json_schema", SCHEMA) if kind == "structure" else None,
        deadline_seconds=source.uniform(0.05, 2) if kind == "late" else None,
    )
    cancel_seconds = source.uniform(0, 3) if kind == "given up" else None
    return Plan(kind, request, cancel_seconds, ALLOWED_ERRORS.get(kind, frozenset()))


ALLOWED_ERRORS = {
    "given up": frozenset({"request_cancelled"}),
    "late": frozenset({"deadline_exceeded"}),
    "unknown model": frozenset({"unknown_model"}),
    "too long": frozenset({"prompt_too_long"}),
}


def judge(looks: Sequence[Look]) -> Verdict:
    """Raises SystemExit for too few looks to tell anything."""
    settled = [look for look in looks if look.seconds >= WARM_UP_FRACTION * looks[-1].seconds]
    if len(settled) < 5:
        raise SystemExit("too short a time to see whether memory grows: give more --minutes")
    times, sizes = [look.seconds for look in settled], [look.rss_bytes for look in settled]
    growth = float(theilslopes(sizes, times).slope) * (times[-1] - times[0])
    return Verdict(
        growth_bytes=growth,
        allowed_bytes=max(ALLOWED_GROWTH_BYTES, ALLOWED_GROWTH_FRACTION * sizes[0]),
        more_threads=settled[-1].threads - settled[0].threads,
        more_files=settled[-1].files - settled[0].files,
    )


def show_progress(soak: Soak, seconds: float) -> None:
    look = soak.looks[-1]
    line = f"{look.seconds:6.0f} of {seconds:.0f} s, {look.rss_bytes / 2**20:7.1f} MiB, {soak.ends.total()} requests"
    print(f"\r{line}", end="", file=sys.stderr, flush=True)


def describe(soak: Soak, verdict: Verdict) -> dict[str, object]:
    seconds = soak.looks[-1].seconds
    return {
        "seconds": seconds,
        "requests": soak.ends.total(),
        "tokens_per_second": soak.tokens / seconds,
        "ends": dict(sorted(soak.ends.items())),
        "wrong": soak.wrong,
        "is_flat": verdict.is_flat,
        **verdict._asdict(),
        "rss_bytes": [[round(look.seconds, 1), look.rss_bytes] for look in soak.looks],
    }


def print_report(report: dict[str, object], soak: Soak) -> None:
    for look in soak.looks[:: max(1, len(soak.looks) // 20)]:
        print(f"{look.seconds:7.0f} s  {look.rss_bytes / 2**20:8.1f} MiB  {look.threads} threads  {look.files} files")
    for end, count in sorted(soak.ends.items()):
        print(f"{count:7}  {end}")
    for wrong in soak.wrong[:10]:
        print(f"wrong: {wrong}")
    growth, allowed = (float(str(report[name])) / 2**20 for name in ("growth_bytes", "allowed_bytes"))
    print(f"{report['requests']} requests, {report['tokens_per_second']:.0f} tokens per second")
    finding = "is flat" if report["is_flat"] else "grows"
    print(f"memory {finding}: {growth:+.1f} MiB after the warm-up, {allowed:.0f} allowed")


if __name__ == "__main__":
    sys.exit(main())
