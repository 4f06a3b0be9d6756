"""A fine-tuning job whose processes are killed at random moments of its life ends as one that nobody disturbed.

Each run prints its seed; LUTHIER_CHAOS_SEED repeats one, as far as moments can be repeated.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import openai
import psutil
import pytest
from sqlalchemy import func, select, text

from luthier.jobs.desk import get_job, list_checkpoints, list_events
from luthier.models.registry import find_model
from luthier.pipeline.fine_tuning.results import clear_ended
from luthier.store.catalog import get_run, list_artefacts, list_models
from luthier.store.tables import PublishedModelRow, WebhookDeliveryRow
from luthier.store.user_files.shelf import open_content
from tests.support.chaos import (
    ask,
    await_moment,
    await_process,
    draw_blows,
    find_processes,
    find_trainers,
    measure_pace,
    watch_as_client,
    watch_trainers,
)
from tests.support.fine_tuning import write_chats
from tests.support.tough_server import ALIAS, run_server
from tests.support.whole_server import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from luthier.store.home import Home
    from tests.support.chaos import Pace, Sighting
    from tests.support.postgresql import PostgresqlServer
    from tests.support.tough_server import ToughServer

EPOCHS, ROWS, STEPS = 3, 40, 120
SNAPSHOT_STEPS = (40, 80)


class Result(NamedTuple):
    """What a job has made, without the names that follow from its id."""

    weights: list[str]
    content: bytes
    trained_tokens: int | None
    metrics: list[dict[str, Any]]
    files: list[str]
    messages: list[str]


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("LUTHIER_CHAOS_SEED") or secrets.randbelow(2**31))
    print(f"LUTHIER_CHAOS_SEED={seed}")
    return random.Random(seed)


def order_job(client: openai.OpenAI) -> str:
    def upload(content: bytes) -> str:
        return client.files.create(file=("rows.jsonl", content), purpose="fine-tune").id

    job = client.fine_tuning.jobs.create(
        model=ALIAS,
        training_file=upload(write_chats(ROWS)),
        validation_file=upload(write_chats(10, start=ROWS)),
        seed=7,
        suffix="chaos",
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": EPOCHS, "batch_size": 1}}},
    )
    return job.id


def finish_undisturbed(server: ToughServer, client: openai.OpenAI) -> tuple[Result, Pace]:
    job_id = order_job(client)
    wait_until(lambda: client.fine_tuning.jobs.retrieve(job_id).status == "succeeded")
    wait_until(lambda: not find_trainers(job_id))
    return read_result(server.home, job_id), measure_pace(server.home.database, job_id)


def read_result(home: Home, job_id: str) -> Result:
    clear_ended(home)  # as the next job does, should this one have been killed after its last word
    db = home.database
    job = get_job(db, job_id)
    assert (job.status, job.error) == ("succeeded", None)
    names = [point.public_name for point in reversed(list_checkpoints(db, job_id).items)]
    assert names[-1] == job.fine_tuned_model
    events = list_events(db, job_id, limit=1000).items[::-1]
    with open_content(home, str(job.result_file)) as file:
        content = file.read()
    run = home.runs / str(job.run_id)
    return Result(
        weights=[find_model(home, name).card.weights_hash for name in names],
        content=content,
        trained_tokens=job.trained_tokens,
        metrics=[event.data or {} for event in events if event.type == "metrics"],
        files=sorted(str(path.relative_to(run)) for path in run.rglob("*")),
        messages=[event.message.replace(job_id, "JOB") for event in events if is_said_once(event.message, job_id)],
    )


def is_said_once(message: str, job_id: str) -> bool:
    """What is told of an undisturbed job as well, but for what holds names that follow from the job's id."""
    own = ("Training was interrupted", "Fine-tuning job continues", "Fine-tuning job started again")
    return not message.startswith((*own, "Validating training file", "Checkpoint created", "New fine-tuned model"))


def assert_kept_once(home: Home, job_id: str) -> None:
    """Nothing is left half done, nothing is kept twice, and who asked is told once."""
    db = home.database
    job = get_job(db, job_id)
    run = get_run(db, str(job.run_id))
    assert (run.status, run.model_name) == ("succeeded", job_id)
    models = [record.name for record in list_models(db) if record.run_id == run.id]
    assert sorted(models) == sorted([job_id, *(f"{job_id}-step-{step}" for step in SNAPSHOT_STEPS)])
    assert sorted(each.name for each in list_artefacts(db, "model") if each.name in models) == sorted(models)
    events = [event.message for event in list_events(db, job_id, limit=1000).items]
    for once in ("Fine-tuning job started", "The job has successfully completed"):
        assert events.count(once) == 1
    assert sum(message.startswith("Checkpoint created") for message in events) == EPOCHS - 1
    with db.reading() as session:
        published = select(func.count()).where(PublishedModelRow.job_id == job_id)
        assert session.scalar(published) == EPOCHS
        told = [row for row in session.scalars(select(WebhookDeliveryRow)) if row.event["data"]["id"] == job_id]
        assert len(told) == 1
    folders = {path.name for path in home.models.iterdir() if job_id in path.name}
    assert folders == set(models)


def assert_undisturbed(result: Result, expected: Result) -> None:
    assert len(result.weights) == EPOCHS
    assert [event["step"] for event in result.metrics] == list(range(1, STEPS + 1))
    assert result == expected


def assert_seen_in_order(home: Home, job_id: str, seen: Sighting) -> None:
    """No answer told of what was undone later."""
    page = list_events(home.database, job_id, limit=1000)
    assert not page.has_more
    assert seen.event_ids <= {event.id for event in page.items}
    order = {"validating_files": 0, "queued": 1, "running": 1, "succeeded": 2}
    ranks = [order[status] for status in seen.statuses]
    assert ranks == sorted(ranks)


def strike(server: ToughServer, victim: str, job_id: str, doomed: set[int]) -> None:
    """A trainer that is not there any more, since the job has ended, is spared."""
    if victim == "supervisor":
        server.kill_supervisor()
        return
    if victim == "trainer":
        trainers = await_trainers(server, job_id)
        for trainer in trainers:
            end(trainer)
        return
    process = await_process(lambda: server.find_part(victim))
    if victim == "worker":
        kill_worker(process, doomed)
    else:
        end(process)


def kill_worker(worker: psutil.Process, doomed: set[int]) -> None:
    """With it its trainers have to go."""
    trainers = worker.children()
    end(worker)
    doomed.update(trainer.pid for trainer in trainers)


def await_trainers(server: ToughServer, job_id: str) -> list[psutil.Process]:
    def is_settled() -> bool:
        return bool(find_trainers(job_id)) or get_job(server.home.database, job_id).status == "succeeded"

    wait_until(is_settled)
    return find_trainers(job_id)


def end(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()


def describe(home: Home, job_id: str) -> str:
    job = get_job(home.database, job_id)
    return f"{job.status}, step {job.saved_step} saved, attempt {job.attempt}"


def find_holder(home: Path, job_id: str) -> psutil.Process | None:
    """The worker that works on the job, if one does: a trainer that is ending has somebody else for its parent."""
    workers = find_processes(home)
    for trainer in find_trainers(job_id):
        with suppress(psutil.NoSuchProcess):
            if (parent := trainer.parent()) in workers:
                return parent
    return None


def test_a_job_outlives_the_death_of_every_process(tmp_path: Path, chance: random.Random) -> None:
    with run_server(tmp_path) as server, server.open_client() as client:
        expected, pace = finish_undisturbed(server, client)
        answer = ask(client, ALIAS)
        blows = draw_blows(chance, 2 * ("api", "engine", "worker", "trainer", "supervisor"), pace)
        job_id, doomed = order_job(client), set[int]()
        with watch_as_client(client, job_id, model=ALIAS) as seen, watch_trainers(job_id, doomed) as outlived:
            for blow in blows:
                await_moment(server.home.database, job_id, blow)
                print(f"{blow}: {describe(server.home, job_id)}")
                strike(server, blow.victim, job_id, doomed)
            wait_until(lambda: client.fine_tuning.jobs.retrieve(job_id).status == "succeeded")
        wait_until(lambda: not find_trainers(job_id))
        assert_undisturbed(read_result(server.home, job_id), expected)
        assert_kept_once(server.home, job_id)
        assert outlived == []
        assert seen.answers == {answer}
        assert_seen_in_order(server.home, job_id, seen)
        with server.home.database.reading() as session:
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        server.stop()
        wait_until(lambda: not find_processes(tmp_path / "home"))


def replace_dead(
    server: ToughServer, worker: subprocess.Popen[bytes], victim: psutil.Process
) -> subprocess.Popen[bytes]:
    if worker.pid != victim.pid:
        return worker
    worker.wait()
    return server.start_worker()


def test_a_job_outlives_workers_and_a_restart_of_the_database(
    tmp_path: Path, chance: random.Random, postgresql: PostgresqlServer
) -> None:
    url = postgresql.create_database(f"chaos_{secrets.token_hex(4)}")
    with run_server(tmp_path, database_url=url) as server, server.open_client() as client:
        expected, pace = finish_undisturbed(server, client)
        workers = [server.start_worker() for _ in range(2)]
        blows = draw_blows(chance, ("worker", "worker", "worker", "any worker", "database"), pace)
        job_id, doomed = order_job(client), set[int]()
        with watch_as_client(client, job_id, model=ALIAS) as seen, watch_trainers(job_id, doomed) as outlived:
            for blow in blows:
                await_moment(server.home.database, job_id, blow)
                print(f"{blow}: {describe(server.home, job_id)}")
                if blow.victim == "database":
                    postgresql.stop(how=chance.choice([signal.SIGINT, signal.SIGQUIT]))
                    time.sleep(chance.uniform(0, 2))
                    postgresql.start()
                    continue
                chosen = psutil.Process(chance.choice(workers).pid)
                victim = (find_holder(tmp_path / "home", job_id) if blow.victim == "worker" else None) or chosen
                kill_worker(victim, doomed)
                workers = [replace_dead(server, worker, victim) for worker in workers]
            wait_until(lambda: client.fine_tuning.jobs.retrieve(job_id).status == "succeeded")
        wait_until(lambda: not find_trainers(job_id))
        assert_undisturbed(read_result(server.home, job_id), expected)
        assert_kept_once(server.home, job_id)
        assert outlived == []
        assert_seen_in_order(server.home, job_id, seen)
        server.stop()
        for worker in workers:
            worker.terminate()
            assert worker.wait(PATIENCE_SECONDS) == 0
        wait_until(lambda: not find_processes(tmp_path / "home"))
