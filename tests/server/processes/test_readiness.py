"""The server is not ready while its engine is away or nobody works on jobs."""

from __future__ import annotations

from datetime import timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING

from luthier.engine.process.service import EngineService
from luthier.engine.process_engine import ProcessEngine
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.jobs.liveness import identify_process
from luthier.jobs.queue import register_worker
from luthier.server.processes.api import announce_with_engine
from luthier.server.processes.readiness import build_checks
from luthier.store.database import utc_now
from luthier.store.home import Home
from tests.support.api import embed_by_hash

if TYPE_CHECKING:
    from pathlib import Path


def find_problems(home: Home, engine: ProcessEngine) -> dict[str, str | None]:
    return {check.name: check.find_problem() for check in build_checks(home, engine)}


def test_an_engine_is_there_when_its_process_answers(home: Home, tmp_path: Path) -> None:
    path, stop = tmp_path / "engine", Event()
    engine = ProcessEngine(path)
    assert find_problems(home, engine)["engine"] == "the engine's process is not there"
    service = EngineService(ScriptedEngine({}), embed_by_hash, path=path)
    thread = Thread(target=service.serve_until, args=(stop,))
    thread.start()
    assert engine.wait_until_connected(300)
    assert find_problems(home, engine)["engine"] is None
    engine.close()
    stop.set()
    thread.join()


def test_the_api_is_announced_when_its_engine_answers_and_not_before(tmp_path: Path) -> None:
    path, stop, announced = tmp_path / "engine", Event(), Event()
    engine = ProcessEngine(path)
    announce_with_engine(engine, announced.set)
    assert not announced.wait(0.5)
    service = EngineService(ScriptedEngine({}), embed_by_hash, path=path)
    thread = Thread(target=service.serve_until, args=(stop,))
    thread.start()
    assert announced.wait(300)
    assert engine.is_connected
    engine.close()
    stop.set()
    thread.join()


def test_a_worker_is_there_when_it_was_heard_of_lately(home: Home, tmp_path: Path) -> None:
    engine = ProcessEngine(tmp_path / "engine")
    assert find_problems(home, engine)["worker"] == "no worker was heard of for 60 seconds"
    register_worker(home.database, identify_process())
    assert find_problems(home, engine)["worker"] is None
    later = Home(home.settings, clock=lambda: utc_now() + timedelta(seconds=61))
    assert find_problems(later, engine)["worker"] == "no worker was heard of for 60 seconds"
    later.database.close()
    engine.close()


def test_a_lost_database_is_a_problem_and_no_crash(home: Home, tmp_path: Path) -> None:
    engine = ProcessEngine(tmp_path / "engine")
    home.database.close()
    (home.path / "luthier.db").write_bytes(b"this is no database" * 1000)
    assert "file is not a database" in str(find_problems(home, engine)["worker"])
    engine.close()
