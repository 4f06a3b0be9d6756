"""A real server answers chats while one of its jobs trains, and while that job's process stands still, by turns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import openai
import psutil
from server.measure import find_p95

from luthier.models.catalog import locate_base
from luthier.pipeline import open_home
from luthier.settings import build_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from server.measure import Turn

ANSWER_TOKENS = 16
TRAINED_ROWS = 64
START_SECONDS = 300
WORDS = ("river", "stone", "lantern", "copper", "meadow", "engine", "window", "quiet", "garden", "paper", "winter")


class SharingPlan(NamedTuple):
    rounds: int = 4
    chats: int = 12


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
        number = 0
        for _ in range(plan.rounds):
            for name, order in (("alone", signal.SIGSTOP), ("beside", signal.SIGCONT)):
                os.killpg(trainer.pid, order)
                before = sum_work(trainer), sum_work(engine), time.perf_counter()
                taken = []
                for _ in range(plan.chats):
                    number += 1
                    taken.append(ask(server, base, number))
                turns[name].append(describe(taken, [sum_work(trainer), sum_work(engine), time.perf_counter()], before))
        if not trainer.is_running():
            raise SystemExit("training ended before the last turn: give it more rows")
    return turns


def describe(taken: list[float], after: list[float], before: tuple[float, ...]) -> Turn:
    trainer, engine, seconds = (later - earlier for later, earlier in zip(after, before, strict=True))
    return {
        "chats": taken,
        "p50_seconds": median(taken),
        "p95_seconds": find_p95(taken),
        "seconds": seconds,
        "trainer_processor_seconds": trainer,
        "engine_processor_seconds": engine,
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
    rows = [{"messages": [{"role": "user", "content": word}, {"role": "assistant", "content": " ".join(WORDS)}]} for word in WORDS]
    content = "".join(f"{json.dumps(row)}\n" for row in rows * (1 + TRAINED_ROWS // len(rows)))
    file = server.client.files.create(file=("rows.jsonl", content.encode()), purpose="fine-tune")
    hyperparameters = {"n_epochs": 50}
    server.client.fine_tuning.jobs.create(
        model=base, training_file=file.id, method={"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}
    )


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


def sum_work(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
