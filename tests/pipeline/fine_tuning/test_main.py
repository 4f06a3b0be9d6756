"""The process that a worker starts: killed with -9 in the midst of training, and done again by another."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from luthier.jobs.desk import get_job, list_events
from luthier.jobs.hold import Hold
from luthier.models.registry import find_model
from luthier.pipeline.fine_tuning.attempt import work_on_job
from luthier.settings import build_environment
from tests.support.fine_tuning import claim_hold, order_tuning, write_chats

if TYPE_CHECKING:
    from luthier.jobs.job import Job
    from luthier.models.catalog import Base
    from luthier.store.home import Home

LONGEST_SECONDS = 600


def start(home: Home, job: Job, attempt: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "luthier.pipeline.fine_tuning", job.id, str(attempt)]
    return subprocess.Popen(command, env=build_environment({"LUTHIER_HOME": str(home.path)}))


def wait_for_step(home: Home, job: Job, process: subprocess.Popen[bytes], step: int) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not any(event.message.startswith(f"Step {step}/") for event in list_events(home.database, job.id).items):
        assert process.poll() is None, "it ended too soon"
        assert time.monotonic() < deadline, "it never came so far"
        time.sleep(0.005)


def test_a_killed_process_leaves_a_job_that_another_one_finishes(home: Home, tiny_base: Base) -> None:
    hyperparameters = {"n_epochs": 20, "batch_size": 2, "learning_rate_multiplier": 1}
    job, twin = (order_tuning(home, tiny_base, write_chats(10), hyperparameters=hyperparameters) for _ in range(2))
    hold = claim_hold(home)
    with start(home, job, hold.attempt) as process:
        wait_for_step(home, job, process, 12)
        process.kill()
    assert get_job(home.database, job.id).status == "running"
    Hold(home.database, job.id, hold.attempt).note_death("it was killed")
    again = claim_hold(home)
    assert again.job_id == job.id
    with start(home, job, again.attempt) as process:
        assert process.wait(LONGEST_SECONDS) == 0
    work_on_job(home, claim_hold(home))
    hashes = [find_model(home, each.id).card.weights_hash for each in (job, twin)]
    assert hashes[0] == hashes[1]
    steps = [e.message for e in list_events(home.database, job.id, limit=1000).items if e.type == "metrics"]
    assert len(steps) == len(set(steps)) == 100
