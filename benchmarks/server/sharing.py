"""A real server answers chats while one of its jobs trains, and while that job's process stands still, by turns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import count
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import openai
import psutil

from luthier.models.catalog import locate_base
from luthier.pipeline import open_home
from luthier.settings import build_environment
from server.measure import find_p95, read_work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openai.types.fine_tuning.job_create_params import Method

    from server.measure import Turn

ANSWER_TOKENS = 16
ROW_REPEATS = 6
START_SECONDS = 300
WORDS = ("river", "stone", "lantern", "copper", "meadow", "engine", "window", "quiet", "garden", "paper", "winter")


class SharingPlan(NamedTuple):
    rounds: int = 4
    chats: int = 12


class Moment(NamedTuple):
    """The time, and for how long each process had a core until then."""

    seconds: float
    trainer: float
    engine: float

    @classmethod
    def take(cls, trainer: psutil.Process, engine: psutil.Process) -> Moment:
        return cls(time.perf_counter(), read_work(trainer.pid), read_work(engine.pid))


class Server(NamedTuple):
    pid: int
    client: openai.OpenAI


def compare_alone_and_beside(folder: Path, base: str, plan: SharingPlan) -> dict[str, list[Turn]]:
    """In a turn `alone` the trainer is stopped where it stands, so that what came before and after is the same."""
    turns: dict[str, list[Turn]] = {"alone": [], "beside": []}
    with serve(folder, base) as server:
        ask(server, base, 0)
        order_training(server, base)
        trainer = wait_for_trainer(server)
        engine = find_child(server, "luthier.server.processes.engine")
        numbers = count(1)
        for _ in range(plan.rounds):
            for name, order in (("alone", signal.SIGSTOP), ("beside", signal.SIGCONT)):
                os.killpg(trainer.pid, order)
                before = Moment.take(trainer, engine)
                taken = [ask(server, base, next(numbers)) for _ in range(plan.chats)]
                turns[name].append(describe(taken, before, Moment.take(trainer, engine)))
        if not trainer.is_running():
            raise SystemExit("training ended before the last turn: give it more rows")
    return turns


def describe(taken: list[float], before: Moment, after: Moment) -> Turn:
    seconds, trainer, engine = (later - earlier for earlier, later in zip(before, after, strict=True))
    return {
        "chats": taken,
        "p50_seconds": median(taken),
        "p95_seconds": find_p95(taken),
        "seconds": seconds,
        "trainer_cores": trainer / seconds,
        "engine_cores": engine / seconds,
    }


@contextmanager
def serve(folder: Path, base: str) -> Iterator[Server]:
    home = folder / "served"
    (home / "bases").mkdir(parents=True)
    (home / "bases" / base).symlink_to(locate_base(open_home(), base).folder.resolve(), target_is_directory=True)
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "luthier", "serve", "--port", "0", "--json"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=build_environment({"LUTHIER_HOME": str(home)}),
        )
    try:
        told = read_announcement(process)
        yield Server(process.pid, openai.OpenAI(base_url=told["url"], api_key=told["key"], timeout=START_SECONDS))
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()


def read_announcement(process: subprocess.Popen[str]) -> dict[str, str]:
    """The document that `serve --json` prints when it answers. Raises SystemExit when it ends before."""
    text = ""
    while process.stdout is not None and not text.endswith("}\n"):
        line = process.stdout.readline()
        if not line:
            raise SystemExit("luthier serve ended before it was ready")
        text += line
    told: dict[str, str] = json.loads(text)
    return told


def ask(server: Server, base: str, number: int) -> float:
    """Seconds for an answer of a fixed length. Each question is another, so that none is in the cache."""
    words = [WORDS[(number * 7 + place * place) % len(WORDS)] for place in range(40)]
    started = time.perf_counter()
    server.client.chat.completions.create(
        model=base,
        messages=[{"role": "user", "content": f"{number} {' '.join(words)}: what could this mean?"}],
        max_completion_tokens=ANSWER_TOKENS,
        temperature=0,
    )
    return time.perf_counter() - started


def order_training(server: Server, base: str) -> None:
    """More steps than the benchmark has time for."""
    answer = {"role": "assistant", "content": " ".join(WORDS)}
    rows = [{"messages": [{"role": "user", "content": word}, answer]} for word in WORDS]
    content = "".join(f"{json.dumps(row)}\n" for row in rows * ROW_REPEATS)
    file = server.client.files.create(file=("rows.jsonl", content.encode()), purpose="fine-tune")
    method: Method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 50}}}
    server.client.fine_tuning.jobs.create(model=base, training_file=file.id, method=method)


def wait_for_trainer(server: Server) -> psutil.Process:
    """Until its first steps are done: what it does before is another load. Raises SystemExit when that takes long."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        job = server.client.fine_tuning.jobs.list(limit=1).data[0]
        if job.status == "failed":
            raise SystemExit(f"training failed: {job.error}")
        events = server.client.fine_tuning.jobs.list_events(job.id, limit=100).data
        if any(event.type == "metrics" for event in events):
            return find_child(server, "luthier.pipeline.fine_tuning")
        time.sleep(0.5)
    raise SystemExit("training did not begin")


def find_child(server: Server, module: str) -> psutil.Process:
    found = [child for child in psutil.Process(server.pid).children(recursive=True) if module in child.cmdline()]
    return found[0]
