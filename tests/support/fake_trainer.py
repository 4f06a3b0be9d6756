"""Trains nothing for real, but as a trainer does: in steps, with checkpoints, and able to be killed at any of them.

`python -m tests.support.fake_trainer HOME DATABASE_URL JOB_ID ATTEMPT`; what it does is in the job's request. Its
weights are a chain of hashes, so that a step that is left out or done twice makes others.

Where the request `waits` after a step, so many steps of an attempt are all that is done until the test says `let_go`,
or the trainer is asked to stop: whatever a test does meanwhile finds it at work.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from luthier.errors import DatabaseUnavailable
from luthier.jobs.hold import Hold
from luthier.jobs.job import JobError
from luthier.settings import Settings
from luthier.store.database import open_database
from luthier.store.files import write_atomic

if TYPE_CHECKING:
    from types import FrameType

    from luthier.jobs.job import Job
    from luthier.store.database import Database

SAVES_EVERY = 5


class Checkpoint(NamedTuple):
    step: int
    weights: str


class Stop:
    """Whether somebody has asked this process to stop."""

    def __init__(self) -> None:
        self.is_asked = False
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self.is_asked = True


def take_step(weights: str, seed: int, step: int) -> str:
    return hashlib.sha256(f"{weights}/{seed}/{step}".encode()).hexdigest()


def train_undisturbed(job: Job) -> str:
    weights = ""
    for step in range(1, job.request["steps"] + 1):
        weights = take_step(weights, job.seed, step)
    return weights


def main(home: str, database_url: str, job_id: str, attempt: str) -> None:
    stop = Stop()
    settings = Settings(home=Path(home), database_url=database_url)
    hold = Hold(wait_for_database(settings), job_id, int(attempt), patience_seconds=60)
    job = hold.load_job()
    if misfortune := job.request.get("misfortune"):
        suffer(misfortune)
    if job.status == "validating_files":
        time.sleep(job.request.get("check_seconds", 0.0))
        if job.request.get("is_bad"):
            hold.fail(JobError("invalid_training_file", "line 3 is no JSON", "training_file"))
            return
        if not hold.move_to_queue():
            return
    train(hold, job, settings, stop)


def wait_for_database(settings: Settings) -> Database:
    while True:
        try:
            return open_database(settings)
        except DatabaseUnavailable:
            time.sleep(0.2)


def train(hold: Hold, job: Job, settings: Settings, stop: Stop) -> None:
    total, path = job.request["steps"], settings.home_path / "runs" / job.id / "checkpoint.json"
    waits_after, may_go_on = job.request.get("waits", {}).get(str(job.attempt)), find_permit(settings, job, job.attempt)
    hold.start_running(hyperparameters={"n_epochs": 1}, run_id=f"run-{job.id}")
    step, weights = Checkpoint(**json.loads(path.read_text())) if path.exists() else Checkpoint(0, "")
    while step < total:
        step += 1
        time.sleep(job.request.get("step_seconds", 0.0))
        weights = take_step(weights, job.seed, step)
        hold.add_event("info", f"Step {step}/{total}", type="metrics", data={"step": step}, id_from=f"step-{step}")
        if step % SAVES_EVERY == 0 or stop.is_asked:
            write_atomic(path, json.dumps(Checkpoint(step, weights)._asdict()))
            hold.note_step(step, is_saved=True)
        while step == waits_after and not may_go_on.exists() and not stop.is_asked:
            time.sleep(0.01)
        if stop.is_asked and not job.request.get("is_deaf"):
            leave(hold)
            return
    hold.succeed(fine_tuned_model=weights, trained_tokens=total, result_file=None)


def let_go(settings: Settings, job: Job, attempt: int) -> None:
    """That attempt goes on from where it waits, or does not even begin to wait there."""
    path = find_permit(settings, job, attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def find_permit(settings: Settings, job: Job, attempt: int) -> Path:
    return settings.home_path / "runs" / job.id / f"go-on-{attempt}"


def leave(hold: Hold) -> None:
    match hold.read_wanted():
        case "cancel":
            hold.end_cancelled()
        case "pause":
            hold.end_paused()
        case None:
            hold.give_back()


def suffer(misfortune: str) -> None:
    match misfortune:
        case "abort":
            os.abort()
        case "out of memory":
            os.kill(os.getpid(), signal.SIGKILL)
        case "mute":
            sys.exit(0)
        case "exception":
            raise RuntimeError("a bug of the trainer")


def command_for(settings: Settings, job: Job) -> list[str]:
    """What a worker runs for a job of these tests."""
    place: list[Any] = [settings.home_path, settings.resolved_database_url]
    return [sys.executable, "-m", "tests.support.fake_trainer", *map(str, place), job.id, str(job.attempt)]


if __name__ == "__main__":
    main(*sys.argv[1:])
