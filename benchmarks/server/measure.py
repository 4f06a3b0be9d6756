"""A scene is measured task by task, the server and its yardstick by turns; each turn becomes a row of plain numbers."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
from generate.worker import read_peak_bytes

from server.load import (
    ask_one_by_one,
    ask_without_pause,
    connect,
    count_held_at_once,
    hold_streams,
    upload,
    write_request,
)
from server.talker import MODEL, SAID, TICK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from server.load import Seen, Target
    from server.scene import Part, Scene

Turn = dict[str, Any]

QUESTION = "Where is the cello that I have ordered last week, and when may I come to the workshop to play it?"
MEBIBYTE = 1 << 20


class Plan(NamedTuple):
    """How much is asked in a turn, and how many turns each task has."""

    rounds: int = 5
    chats: int = 200
    streams: int = 500
    words: int = 40
    stream_rounds: int = 6
    connections: int = 16
    read_seconds: float = 3.0
    upload_bytes: int = 512 * MEBIBYTE
    uploads: int = 3


@contextmanager
def counted(turn: Turn, part: Part) -> Iterator[None]:
    """Adds what the part's process worked during the block, which other programs hardly move."""
    before, started = read_work(part.pid), perf_counter()
    yield
    turn["seconds"] = perf_counter() - started
    turn["processor_seconds"] = read_work(part.pid) - before


def read_work(pid: int) -> float:
    """Seconds that all threads of the process had a core, the ended ones too; not in ticks of 10 ms, as psutil has it.

    The number of another process's clock is made as glibc's clock_getcpuclockid makes it.
    """
    return time.clock_gettime((~pid << 3) | 2)


async def take_chats(scene: Scene, plan: Plan) -> dict[str, list[Turn]]:
    body = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}]}
    echoed = {**body, "choices": [{"message": {"role": "assistant", "content": SAID}}], "filling": "x" * 400}
    sides = {
        "chat": (scene.api, scene.target, write_request(scene.target, "POST", "/v1/chat/completions", body)),
        "bare": (scene.bare, scene.yardstick, write_request(scene.yardstick, "POST", "/echo", echoed)),
    }
    turns: dict[str, list[Turn]] = {name: [] for name in sides}
    for _ in range(plan.rounds):
        for name, (part, target, request) in sides.items():
            turn: Turn = {"requests": plan.chats}
            await ask_one_by_one(target, request, 5)
            with counted(turn, part):
                taken = await ask_one_by_one(target, request, plan.chats)
            turns[name].append(turn | {"p50_seconds": median(taken), "p95_seconds": find_p95(taken)})
    return turns


async def take_reads(scene: Scene, plan: Plan) -> dict[str, list[Turn]]:
    paths = {
        "job": f"/v1/fine_tuning/jobs/{scene.job_id}",
        "file": f"/v1/files/{scene.file_id}",
        "models": "/v1/models",
    }
    sides = {name: (scene.api, scene.target, path) for name, path in paths.items()}
    sides["bare"] = (scene.bare, scene.yardstick, "/things/thing-1")
    turns: dict[str, list[Turn]] = {name: [] for name in sides}
    for _ in range(plan.rounds):
        for name, (part, target, path) in sides.items():
            turn: Turn = {}
            with counted(turn, part):
                request = write_request(target, "GET", path)
                speed = await ask_without_pause(
                    target, request, seconds=plan.read_seconds, connections=plan.connections
                )
            turns[name].append(turn | {"per_second": speed, "requests": speed * turn["seconds"]})
    return turns


async def take_streams(scene: Scene, plan: Plan) -> dict[str, list[Turn]]:
    chat = {
        "model": MODEL,
        "messages": [{"role": "user", "content": QUESTION}],
        "stream": True,
        "max_completion_tokens": plan.words,
    }
    spoken = {"words": plan.words, "pause_seconds": TICK_SECONDS}
    sides = {
        "chat": (scene.api, scene.target, write_request(scene.target, "POST", "/v1/chat/completions", chat)),
        "bare": (scene.bare, scene.yardstick, write_request(scene.yardstick, "POST", "/stream", spoken)),
    }
    turns: dict[str, list[Turn]] = {name: [] for name in sides}
    for _ in range(plan.stream_rounds):
        for name, (part, target, request) in sides.items():
            turn: Turn = {"requests": plan.streams}
            with counted(turn, part):
                seen = await hold_streams(target, request, plan.streams)
            await asyncio.sleep(1)
            rss = psutil.Process(part.pid).memory_info().rss
            turns[name].append(turn | describe_streams(seen, plan) | {"rss_bytes": rss})
    return turns


def describe_streams(seen: Sequence[Seen], plan: Plan) -> Turn:
    return {
        "whole": sum(stream.words == plan.words for stream in seen),
        "held_at_once": count_held_at_once(seen),
        "first_p95_seconds": find_p95([stream.first_at - stream.asked_at for stream in seen]),
        "last_p95_seconds": find_p95([stream.last_at - stream.asked_at for stream in seen]),
    }


async def take_uploads(scene: Scene, plan: Plan) -> dict[str, list[Turn]]:
    turns: dict[str, list[Turn]] = {"upload": [], "bare": []}
    for _ in range(plan.uploads):
        turn, file = await upload_once(scene.api, scene.target, "/v1/files", plan)
        turns["upload"].append(turn)
        await delete(scene.target, f"/v1/files/{file['id']}")
        turns["bare"].append((await upload_once(scene.bare, scene.yardstick, "/swallow", plan))[0])
    return turns


async def upload_once(part: Part, target: Target, path: str, plan: Plan) -> tuple[Turn, Turn]:
    """What it took, and what the server says of it."""
    turn: Turn = {"bytes": plan.upload_bytes}
    forget_peak(part.pid)
    before = psutil.Process(part.pid).memory_info().rss
    with counted(turn, part):
        told = await upload(target, path, plan.upload_bytes)
    return turn | {"extra_bytes": read_peak_bytes(part.pid) - before, "rss_bytes": before}, told


async def delete(target: Target, path: str) -> None:
    line = await connect(target)
    await line.ask(write_request(target, "DELETE", path))
    line.close()


def forget_peak(pid: int) -> None:
    """The most memory that the process has held is counted from now on; see man 5 proc_pid_clear_refs."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def find_p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]
