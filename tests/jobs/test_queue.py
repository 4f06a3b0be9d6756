"""Who gets which job, and when a job is taken from a worker that is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from luthier.jobs.desk import cancel_job, get_job, pause_job
from luthier.jobs.job import JobError
from luthier.jobs.liveness import BeatWatch, ProcessIdentity, identify_process
from luthier.jobs.queue import beat_worker, claim_next, register_worker, release_lost, release_unknown, remove_worker
from luthier.store.tables import WorkerRow
from tests.support.jobs import add_job, claim, start_job, tell_story

if TYPE_CHECKING:
    from collections.abc import Mapping

    from luthier.store.database import Database

HERE = identify_process()
ELSEWHERE = ProcessIdentity("other", "other-boot/pid:[1]", 1, 1)
LEASE_SECONDS = 60.0


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_jobs_are_claimed_in_the_order_in_which_they_were_made(db: Database) -> None:
    jobs = [add_job(db).id for _ in range(3)]
    assert [claim(db, f"worker_{number}").job.id for number in range(3)] == jobs
    assert claim_next(db, "worker_9") is None


def test_a_claim_counts_the_attempt_and_names_the_worker(db: Database) -> None:
    add_job(db)
    claimed = claim(db)
    assert (claimed.job.attempt, claimed.job.worker, claimed.job.status) == (1, "worker_a", "validating_files")
    assert claimed.hold.beat() == (None, "validating_files")


def test_no_two_workers_get_the_same_job(db: Database) -> None:
    jobs = {add_job(db).id for _ in range(12)}
    gate = threading.Barrier(6)
    got: list[str] = []

    def work(worker_id: str) -> None:
        gate.wait()
        while (found := claim_next(db, worker_id)) is not None:
            got.append(found.job.id)
            found.hold.fail(JobError("bad", "bad"))

    threads = [threading.Thread(target=work, args=(f"worker_{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(jobs)
    assert set(got) == jobs


def test_a_worker_trains_one_job_and_checks_the_files_of_another_beside_it(db: Database) -> None:
    start_job(db)
    checked, waiting = add_job(db), add_job(db)
    assert claim(db).job.id == checked.id
    assert claim_next(db, "worker_a") is None
    assert claim(db, "worker_b").job.id == waiting.id


def test_a_job_that_rests_is_left_to_others(db: Database) -> None:
    job = add_job(db)
    assert claim_next(db, "worker_a", except_for=[job.id]) is None
    assert claim_next(db, "worker_b") is not None


def test_a_cancelled_job_keeps_its_worker_busy_until_its_process_is_gone(db: Database) -> None:
    first = start_job(db)
    second = start_job(db, "worker_b")
    second.hold.give_back()
    cancel_job(db, first.job.id)
    assert claim_next(db, "worker_a") is None
    first.hold.end_cancelled()
    assert claim(db).job.id == second.job.id


def test_a_job_that_kills_whoever_takes_it_fails_at_last(db: Database) -> None:
    job = add_job(db)
    for _ in range(3):
        found = claim_next(db, "worker_a", attempts=3)
        assert found is not None
        found.hold.note_death("its process was ended by SIGKILL")
    good = add_job(db)
    found = claim_next(db, "worker_a", attempts=3)
    assert found is not None
    assert found.job.id == good.id
    failed = get_job(db, job.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error.code == "server_error"
    assert "3 times in a row" in failed.error.message


def test_the_job_of_a_worker_that_ended_on_this_machine_is_free_at_once(db: Database) -> None:
    worker = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    claimed = start_job(db, register_worker(db, identify_process(worker.pid)))
    watch = BeatWatch(LEASE_SECONDS, stopwatch=Stopwatch())
    assert release_lost(db, watch, here=HERE) == []
    worker.kill()  # and not waited for: a process that nobody has buried is gone as well
    while not is_zombie(worker.pid):
        pass
    assert release_lost(db, watch, here=HERE) == [claimed.job.id]
    worker.communicate()
    job = get_job(db, claimed.job.id)
    assert (job.status, job.worker) == ("queued", None)
    assert tell_story(db, job.id)[-1] == "Training was interrupted: the worker ended; it begins again"


def test_another_process_with_the_number_of_a_worker_is_not_that_worker(db: Database) -> None:
    claimed = start_job(db, register_worker(db, HERE._replace(start_ticks=HERE.start_ticks - 1)))
    watch = BeatWatch(LEASE_SECONDS, stopwatch=Stopwatch())
    assert release_lost(db, watch, here=HERE) == [claimed.job.id]


def test_the_job_of_a_worker_elsewhere_is_free_when_it_was_silent_for_a_lease(db: Database) -> None:
    claimed = start_job(db, register_worker(db, ELSEWHERE))
    stopwatch = Stopwatch()
    watch = BeatWatch(LEASE_SECONDS, stopwatch=stopwatch)
    assert release_lost(db, watch, here=HERE) == []
    for beats in (True, False):
        for _ in range(5):
            stopwatch.seconds += LEASE_SECONDS / 6
            assert release_lost(db, watch, here=HERE) == []
        if beats:
            claimed.hold.beat()
            stopwatch.seconds += LEASE_SECONDS / 6
            assert release_lost(db, watch, here=HERE) == []
    stopwatch.seconds += LEASE_SECONDS / 6
    assert release_lost(db, watch, here=HERE) == [claimed.job.id]
    assert release_lost(db, watch, here=HERE) == []


def test_who_could_not_look_cannot_tell_that_nobody_beat(db: Database) -> None:
    start_job(db, register_worker(db, ELSEWHERE))
    stopwatch = Stopwatch()
    watch = BeatWatch(LEASE_SECONDS, stopwatch=stopwatch)
    for _ in range(2):
        assert release_lost(db, watch, here=HERE) == []
        stopwatch.seconds += 10 * LEASE_SECONDS


def test_a_silent_worker_of_this_machine_is_ended(db: Database) -> None:
    worker = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    worker.send_signal(signal.SIGSTOP)
    claimed = start_job(db, register_worker(db, identify_process(worker.pid)))
    watch = BeatWatch(0.0, stopwatch=Stopwatch())
    assert release_lost(db, watch, here=HERE) == [claimed.job.id]
    worker.communicate()
    assert worker.returncode == -signal.SIGKILL


def test_a_beat_in_the_last_moment_saves_the_lease(db: Database) -> None:
    claimed = start_job(db, register_worker(db, ELSEWHERE))

    class LateBeat(BeatWatch):
        def find_silent(self, beats: Mapping[str, tuple[int, int]]) -> set[str]:
            claimed.hold.beat()
            return set(beats)

    assert release_lost(db, LateBeat(LEASE_SECONDS), here=HERE) == []
    assert get_job(db, claimed.job.id).status == "running"


def test_a_pause_that_the_dead_worker_heard_of_takes_effect(db: Database) -> None:
    claimed = start_job(db, register_worker(db, HERE._replace(start_ticks=0)))
    pause_job(db, claimed.job.id)
    release_lost(db, BeatWatch(LEASE_SECONDS), here=HERE)
    assert get_job(db, claimed.job.id).status == "paused"


def test_a_claim_whose_answer_was_lost_is_taken_back(db: Database) -> None:
    known, unknown = start_job(db), add_job(db)
    claim(db)
    assert release_unknown(db, "worker_a", [known.job.id]) == [unknown.id]
    assert get_job(db, known.job.id).status == "running"


def test_workers_that_are_long_gone_are_forgotten(db: Database) -> None:
    gone = register_worker(db, ELSEWHERE)
    late = replace(db, clock=lambda: db.clock() + timedelta(hours=25))
    beating = register_worker(late, HERE)
    assert workers(db) == {beating}
    beat_worker(db, gone)  # harmless
    remove_worker(db, beating)
    assert workers(db) == set()


def workers(db: Database) -> set[str]:
    with db.reading() as session:
        return set(session.scalars(select(WorkerRow.id)))


def is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
