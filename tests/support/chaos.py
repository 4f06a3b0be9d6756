"""A seed becomes blows, which end processes of a server at moments that are spread over the whole life of a job."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

import openai
import psutil
from sqlalchemy import func, select

from luthier.errors import DatabaseUnavailable
from luthier.jobs.desk import get_job, list_events
from luthier.jobs.job import ENDED
from luthier.store.tables import JobEventRow
from tests.support.whole_server import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Collection, Iterator, Sequence

    from luthier.store.database import Database

SECONDS_BETWEEN_LOOKS = 0.02
SECONDS_BETWEEN_POLLS = 0.2
POLLS_BETWEEN_CHATS = 10
RETRIES = 20
"""Of each request: with the client's own pauses, longer than a server takes to be started again."""


INSTANT_SECONDS = 0.1

ENDING = frozenset({"trainer", "worker", "supervisor"})
"""With these the attempt at a job ends."""


class Pace(NamedTuple):
    """How long an undisturbed job took before its first step was told, and after its last."""

    before_seconds: float
    after_seconds: float
    steps: int


class Blow(NamedTuple):
    """`victim` ends so long after so many steps of the job were told."""

    victim: str
    steps: int
    seconds: float


class Sighting(NamedTuple):
    """What a client saw while it looked all the time."""

    statuses: list[str]
    event_ids: set[str]
    answers: set[str | None]


def measure_pace(db: Database, job_id: str) -> Pace:
    job = get_job(db, job_id)
    told = [event.created_at for event in list_events(db, job_id, limit=1000).items if event.type == "metrics"]
    assert job.finished_at is not None
    before, after = told[-1] - job.created_at, job.finished_at - told[0]
    return Pace(before.total_seconds(), after.total_seconds(), len(told))


def draw_blows(chance: random.Random, victims: Sequence[str], pace: Pace) -> list[Blow]:
    """In the order in which they fall: a fifth before the first step, a fifth after the last, the others between.

    Half of those that come after the end of an attempt fall while the next one begins.
    """
    fifth = len(victims) // 5
    between = sorted(chance.randint(1, pace.steps - 1) for _ in victims[2 * fifth :])
    moments = [*[0] * fifth, *between, *[pace.steps] * fifth]
    blows: list[Blow] = []
    for victim, steps in zip(chance.sample(victims, len(victims)), moments, strict=True):
        last = blows[-1] if blows else None
        if 0 < steps < pace.steps and last is not None and last.victim in ENDING and chance.random() < 0.5:
            blow = Blow(victim, last.steps, chance.uniform(0, pace.before_seconds))
        else:
            longest = {0: pace.before_seconds, pace.steps: pace.after_seconds}.get(steps, INSTANT_SECONDS)
            blow = Blow(victim, steps, chance.uniform(0, longest / max(fifth, 1)))
        blows.append(blow)
    return blows


def await_moment(db: Database, job_id: str, blow: Blow) -> None:
    """Or the end of the job, which may come before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while count_told(db, job_id) < blow.steps and not has_ended(db, job_id):
        assert time.monotonic() < deadline, f"step {blow.steps} does not come"
        time.sleep(SECONDS_BETWEEN_LOOKS)
    time.sleep(blow.seconds)


def count_told(db: Database, job_id: str) -> int:
    """Steps; 0 while the database is away."""
    query = select(func.count()).where(JobEventRow.job_id == job_id, JobEventRow.type == "metrics")
    with suppress(DatabaseUnavailable), db.reading() as session:
        return session.scalar(query) or 0
    return 0


def has_ended(db: Database, job_id: str) -> bool:
    with suppress(DatabaseUnavailable):
        return get_job(db, job_id).status in ENDED
    return False


def find_processes(home: Path) -> list[psutil.Process]:
    """Whatever works on this home folder. One that is just ending is not there."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("LUTHIER_HOME") == str(home):
                found.append(process)
    return found


def find_trainers(job_id: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if job_id in process.cmdline():
                found.append(process)
    return found


def is_being_killed(pid: int) -> bool:
    """It is gone, or will do nothing more when its turn comes."""
    with suppress(OSError):
        status = dict(line.partition(":")[::2] for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        waiting = int(status["SigPnd"], 16) | int(status["ShdPnd"], 16)
        return status["State"].strip()[0] in "ZX" or bool(waiting >> (signal.SIGKILL - 1) & 1)
    return True


def await_process(find: Callable[[], psutil.Process | None]) -> psutil.Process:
    found: list[psutil.Process] = []

    def look() -> bool:
        with suppress(psutil.Error, StopIteration):
            found.extend(filter(None, [find()]))
        return bool(found)

    wait_until(look)
    return found[0]


@contextmanager
def watch_as_client(client: openai.OpenAI, job_id: str, *, model: str) -> Iterator[Sighting]:
    """Asks all the time, and has a chat once in a while. What goes wrong is raised when the block ends.

    No request may fail: the client sends it again as often as it has to.
    """
    sighting, is_over = Sighting([], set(), set()), Event()
    client = client.with_options(max_retries=RETRIES)

    def poll() -> None:
        while not is_over.wait(SECONDS_BETWEEN_POLLS):
            sighting.statuses.append(client.fine_tuning.jobs.retrieve(job_id).status)
            sighting.event_ids.update(event.id for event in client.fine_tuning.jobs.list_events(job_id, limit=100))

    def chat() -> None:
        while not is_over.wait(SECONDS_BETWEEN_POLLS * POLLS_BETWEEN_CHATS):
            sighting.answers.add(ask(client, model))

    with ThreadPoolExecutor() as pool:
        tasks = [pool.submit(poll), pool.submit(chat)]
        try:
            yield sighting
        finally:
            is_over.set()
        for task in tasks:
            task.result(PATIENCE_SECONDS)


def ask(client: openai.OpenAI, model: str) -> str | None:
    """Greedy, so that the same model gives the same answer."""
    question: Any = [{"role": "user", "content": "1: the green door"}]
    answer = client.chat.completions.create(model=model, messages=question, temperature=0, max_tokens=8)
    return answer.choices[0].message.content


@contextmanager
def watch_trainers(job_id: str, doomed: Collection[int]) -> Iterator[list[str]]:
    """Yields what is found: trainers of killed workers, `doomed`, that work on while there is another trainer."""
    is_over, found = Event(), list[str]()

    def look() -> None:
        while not is_over.wait(SECONDS_BETWEEN_POLLS / 2):
            pids = {process.pid for process in find_trainers(job_id)}
            late = {pid for pid in pids & set(doomed) if not is_being_killed(pid)}
            if late and pids - set(doomed):
                found.append(f"{late} beside {pids - late}")

    with ThreadPoolExecutor() as pool:
        task = pool.submit(look)
        try:
            yield found
        finally:
            is_over.set()
        task.result(PATIENCE_SECONDS)
