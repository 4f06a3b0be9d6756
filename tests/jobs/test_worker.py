"""Workers and trainers as real processes, which are killed, frozen, stopped and left without a database."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from luthier.errors import DatabaseUnavailable
from luthier.jobs.desk import cancel_job, create_job, get_job, list_jobs, pause_job, resume_job
from luthier.jobs.job import ENDED
from luthier.jobs.worker import Worker
from luthier.settings import build_environment
from tests.support.fake_trainer import command_for, let_go, train_undisturbed
from tests.support.fake_worker import OPTIONS
from tests.support.jobs import draft, tell_story

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from luthier.jobs.job import Job
    from luthier.settings import Settings
    from luthier.store.database import Database
    from tests.support.postgresql import PostgresqlServer

    StartWorker = Callable[..., subprocess.Popen[bytes]]

PATIENCE_SECONDS = 300  # on a machine that does much else besides
STEPS = 30
AT_FIVE = {"1": 5}
"""The first attempt waits there, so that whatever befalls it finds it at work."""

on_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
"""For what is about processes, and does not differ from database to database."""

on_postgresql = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)


@pytest.fixture
def start_worker(settings: Settings) -> Iterator[StartWorker]:
    workers: list[subprocess.Popen[bytes]] = []

    def start(machine: str = "", **options: float) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.support.fake_worker"]
        command += [str(settings.home_path), settings.resolved_database_url, machine, json.dumps(options)]
        environment = build_environment({"PYTHONPATH": os.pathsep.join(filter(None, sys.path))})
        workers.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()


def ask(db: Database, **request: object) -> Job:
    return create_job(db, draft(request={"steps": STEPS, "step_seconds": 0.02, **request}))


def wait_for(db: Database, job: Job, is_so: Callable[[Job], bool]) -> Job:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            now = get_job(db, job.id)
        except DatabaseUnavailable:
            time.sleep(0.1)
            continue
        if is_so(now):
            return now
        time.sleep(0.02)
    pytest.fail(f"after {PATIENCE_SECONDS} s the job is {get_job(db, job.id)}\n{tell_story(db, job.id)}")


def wait_for_end(db: Database, job: Job) -> Job:
    return wait_for(db, job, lambda now: now.status in ENDED)


def wait_for_saved(db: Database, job: Job, step: int) -> Job:
    return wait_for(db, job, lambda now: now.saved_step >= step)


def find_trainers(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(worker.pid).children(recursive=True)


def wait_for_trainer(worker: subprocess.Popen[bytes]) -> psutil.Process:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (trainers := find_trainers(worker)):
        assert time.monotonic() < deadline, "no trainer has begun"
        time.sleep(0.02)
    return trainers[0]


def assert_done_once(db: Database, job: Job) -> None:
    """With the weights of an undisturbed run, and every step told once and in order."""
    done = wait_for_end(db, job)
    assert (done.status, done.fine_tuned_model) == ("succeeded", train_undisturbed(job)), done
    story = tell_story(db, job.id)
    steps = [message for message in story if message.startswith("Step ")]
    assert steps == [f"Step {step}/{job.request['steps']}" for step in range(1, job.request["steps"] + 1)]
    assert story.count("The job has successfully completed") == 1
    assert story.count("Fine-tuning job started") == 1


@on_sqlite
def test_a_job_is_done_and_bad_files_are_named_meanwhile(
    db: Database, start_worker: StartWorker, settings: Settings
) -> None:
    start_worker()
    good = ask(db, waits=AT_FIVE)
    wait_for(db, good, lambda now: now.status == "running")
    bad = wait_for_end(db, ask(db, is_bad=True))
    assert bad.status == "failed"
    assert bad.error is not None
    assert bad.error.code == "invalid_training_file"
    assert get_job(db, good.id).status == "running"
    let_go(settings, good, 1)
    assert_done_once(db, good)


@on_sqlite
def test_a_trainer_that_is_killed_again_and_again_ends_with_the_same_weights(
    db: Database, start_worker: StartWorker
) -> None:
    worker = start_worker()
    job = ask(db, steps=40, waits={"1": 5, "2": 15})
    for kill in range(2):
        wait_for_saved(db, job, 10 * kill + 5)
        wait_for_trainer(worker).kill()
    assert_done_once(db, job)
    assert get_job(db, job.id).attempt == 3
    assert sum("ended by SIGKILL; it goes on from step" in message for message in tell_story(db, job.id)) == 2


@on_sqlite
def test_a_worker_that_is_killed_takes_its_trainer_with_it_and_another_goes_on_at_once(
    db: Database, start_worker: StartWorker
) -> None:
    first = start_worker()
    job = ask(db, waits=AT_FIVE)
    wait_for_saved(db, job, 5)
    trainers = find_trainers(first)
    first.kill()
    first.wait()
    assert not psutil.wait_procs(trainers, timeout=PATIENCE_SECONDS)[1]
    assert len(trainers) == 1
    start_worker()
    assert_done_once(db, job)
    assert any("interrupted: the worker ended; it goes on from step" in message for message in tell_story(db, job.id))


@on_sqlite
def test_a_frozen_worker_of_this_machine_is_ended_and_its_job_done_by_another(
    db: Database, start_worker: StartWorker
) -> None:
    first = start_worker()
    job = ask(db, waits=AT_FIVE)
    wait_for_saved(db, job, 5)
    frozen = [psutil.Process(first.pid), *find_trainers(first)]
    for process in frozen:
        process.suspend()
    start_worker()
    assert_done_once(db, job)
    first.wait(PATIENCE_SECONDS)
    assert not psutil.wait_procs(frozen[1:], timeout=PATIENCE_SECONDS)[1]


def test_a_frozen_worker_of_another_machine_wakes_up_and_cannot_publish(
    db: Database, start_worker: StartWorker, settings: Settings
) -> None:
    first = start_worker("elsewhere")
    job = ask(db, steps=60, waits={"1": 5, "2": 10})
    wait_for_saved(db, job, 5)
    frozen = [psutil.Process(first.pid), *find_trainers(first)]
    for process in frozen:
        process.suspend()
    second = start_worker()
    wait_for(db, job, lambda now: now.attempt >= 2 and now.status == "running")
    let_go(settings, job, 1)
    for process in frozen[::-1]:
        process.resume()  # while the second one is still at it
    assert not psutil.wait_procs(frozen[1:], timeout=PATIENCE_SECONDS)[1]
    let_go(settings, job, 2)
    assert_done_once(db, job)
    second.terminate()
    second.wait()
    # The first worker is none the worse for it.
    assert_done_once(db, ask(db))
    assert first.poll() is None


def test_workers_that_are_killed_at_random_lose_no_job(db: Database, start_worker: StartWorker) -> None:
    chance = random.Random(7)
    jobs = [ask(db, steps=20, step_seconds=0.03) for _ in range(4)]
    attempts = 100  # of which the kills may use up one after the other before a trainer has saved anything
    workers = [start_worker("a", attempts=attempts), start_worker(attempts=attempts)]
    for _ in range(6):
        time.sleep(chance.uniform(0.2, 1.0))
        victim = chance.randrange(2)
        if chance.random() < 0.5 and (trainers := find_trainers(workers[victim])):
            trainers[0].kill()
            continue
        workers[victim].kill()
        workers[victim].wait()
        workers[victim] = start_worker(attempts=attempts)
    for job in jobs:
        assert_done_once(db, job)


MISFORTUNES = {
    "abort": "its process was ended by SIGABRT",
    "out of memory": "its process was ended by SIGKILL",
    "mute": "its process ended with exit code 0 and said nothing",
    "exception": "its process ended with exit code 1 and said nothing",
}


@on_sqlite
def test_jobs_that_end_every_trainer_fail_and_the_next_is_done(
    db: Database, start_worker: StartWorker, settings: Settings
) -> None:
    jobs = {misfortune: ask(db, misfortune=misfortune) for misfortune in MISFORTUNES}
    good = ask(db)
    start_worker()
    for misfortune, told in MISFORTUNES.items():
        failed = wait_for_end(db, jobs[misfortune])
        assert failed.error is not None
        assert (failed.status, failed.error.code, failed.attempt) == ("failed", "server_error", OPTIONS.attempts)
        assert sum(told in message for message in tell_story(db, failed.id)) == OPTIONS.attempts
    assert_done_once(db, good)
    assert "a bug of the trainer" in (settings.home_path / "logs" / f"{jobs['exception'].id}.log").read_text()


@on_sqlite
def test_cancelling_stops_the_process_and_frees_the_worker(db: Database, start_worker: StartWorker) -> None:
    worker = start_worker()
    job = ask(db, waits=AT_FIVE)
    wait_for_saved(db, job, 5)
    trainer = wait_for_trainer(worker)
    assert cancel_job(db, job.id).status == "cancelled"
    assert not psutil.wait_procs([trainer], timeout=PATIENCE_SECONDS)[1]
    assert_done_once(db, ask(db))
    assert wait_for(db, job, lambda now: now.worker is None).status == "cancelled"


@on_sqlite
def test_a_process_that_does_not_hear_is_killed_with_all_its_helpers(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    deaf = "trap '' TERM; sleep 1000 & echo $! > {}; while true; do sleep 0.1; done"
    helper = settings.home_path / "helper"

    def command(_job: Job) -> list[str]:
        return ["/bin/sh", "-c", deaf.format(helper)]

    worker = Worker(db, command, logs=settings.home_path / "logs", options=OPTIONS._replace(stop_seconds=0.5))
    job = ask(db)
    stop = threading.Event()

    def cancel_later() -> None:
        while not (helper.exists() and helper.read_text().strip()):
            time.sleep(0.02)
        cancel_job(db, job.id)
        wait_for(db, job, lambda now: now.worker is None)
        stop.set()

    threading.Thread(target=cancel_later, daemon=True).start()
    worker.run_until(stop)
    with suppress(psutil.NoSuchProcess):
        assert not psutil.wait_procs([psutil.Process(int(helper.read_text()))], timeout=PATIENCE_SECONDS)[1]
    assert get_job(db, job.id).status == "cancelled"


@on_sqlite
def test_a_job_is_paused_and_resumed(db: Database, start_worker: StartWorker) -> None:
    start_worker()
    job = ask(db, waits=AT_FIVE)
    wait_for_saved(db, job, 5)
    pause_job(db, job.id)
    paused = wait_for(db, job, lambda now: now.status == "paused")
    assert paused.saved_step == 5
    assert_done_once(db, ask(db))
    assert get_job(db, job.id).status == "paused"
    resume_job(db, job.id)
    assert_done_once(db, job)


@on_sqlite
def test_a_worker_that_stops_gives_its_job_back(db: Database, start_worker: StartWorker) -> None:
    first = start_worker()
    job = ask(db, waits=AT_FIVE)
    wait_for_saved(db, job, 5)
    first.terminate()
    assert first.wait(PATIENCE_SECONDS) == 0
    waiting = get_job(db, job.id)
    assert (waiting.status, waiting.worker, waiting.barren_attempts) == ("queued", None, 0)
    assert not any("interrupted" in message for message in tell_story(db, job.id))
    start_worker()
    assert_done_once(db, job)


@on_sqlite
def test_a_command_that_cannot_be_started_is_a_death_like_any_other(db: Database, settings: Settings) -> None:
    logs = settings.home_path / "logs"
    logs.write_text("a file where the folder should be")
    job = ask(db)
    stop = threading.Event()

    def stop_at_end() -> None:
        wait_for_end(db, job)
        stop.set()

    threading.Thread(target=stop_at_end, daemon=True).start()
    Worker(db, lambda job: command_for(settings, job), logs=logs, options=OPTIONS).run_until(stop)
    assert get_job(db, job.id).status == "failed"
    assert sum("could not be started" in message for message in tell_story(db, job.id)) == OPTIONS.attempts


@on_postgresql
def test_a_database_that_goes_and_comes_loses_nothing(
    db: Database, start_worker: StartWorker, postgresql: PostgresqlServer
) -> None:
    for machine in ("", "elsewhere"):  # neither takes the other, which waits for the database, for dead
        start_worker(machine, lease_seconds=PATIENCE_SECONDS)
    jobs = [ask(db, steps=60) for _ in range(3)]
    wait_for_saved(db, jobs[0], 5)
    for how in (signal.SIGINT, signal.SIGQUIT):
        postgresql.stop(how=how)
        with pytest.raises(DatabaseUnavailable):
            list_jobs(db)
        time.sleep(1.0)
        postgresql.start()
        jobs.append(ask(db))
        time.sleep(0.5)
    for job in jobs:
        assert_done_once(db, job)
        assert not any("interrupted" in message for message in tell_story(db, job.id))
