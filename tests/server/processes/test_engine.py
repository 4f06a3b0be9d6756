"""The engine's process is well as long as its steps end, whatever else of it still runs."""

from __future__ import annotations

import json
import logging
import os
import select
import threading
import time
from typing import TYPE_CHECKING

import pytest

from luthier.engine.batching.worker import Worker
from luthier.engine.scripted_engine import ScriptedEngine
from luthier.engine.torch_engine import TorchEngine
from luthier.server.logs import JsonLines
from luthier.server.processes.child import tell_ready
from luthier.server.processes.engine import gets_on
from tests.engine.test_torch_engine import ask

if TYPE_CHECKING:
    from luthier.models.catalog import Base

LIMIT_SECONDS = 0.2


def wait_until_it_gets_on(engine: TorchEngine, *, expected: bool) -> None:
    while gets_on(engine, within_seconds=LIMIT_SECONDS) is not expected:
        time.sleep(0.005)


def test_an_engine_whose_runner_never_comes_back_does_not_get_on(
    tiny_base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a call to a device that hangs: its threads live, and so do all other processes."""
    may_end = threading.Event()
    request = ask(str(tiny_base.folder), "hi")
    with TorchEngine(lambda name: tiny_base, precision="float32") as engine:
        engine.submit(request).wait()
        with engine._pool.lease(request.model) as lease:
            head = lease.base.model.get_output_embeddings()
        forward = head.forward

        def hang(hidden: object) -> object:
            may_end.wait()
            return forward(hidden)

        monkeypatch.setattr(head, "forward", hang)
        answer = engine.submit(request)
        wait_until_it_gets_on(engine, expected=False)
        assert not answer.is_done
        may_end.set()
        answer.wait()
        wait_until_it_gets_on(engine, expected=True)


def test_a_model_that_takes_long_to_load_is_no_hang(tiny_base: Base) -> None:
    is_loading, may_load = threading.Event(), threading.Event()

    def resolve(name: str) -> Base:
        is_loading.set()
        may_load.wait()
        return tiny_base

    with TorchEngine(resolve, precision="float32") as engine:
        answer = engine.submit(ask(str(tiny_base.folder), "hi"))
        assert is_loading.wait(180)
        assert engine.busy_seconds == 0.0
        may_load.set()
        answer.wait()


def test_an_engine_that_tells_nothing_is_believed() -> None:
    assert gets_on(ScriptedEngine({}), within_seconds=0.0)


def test_a_process_that_does_not_get_on_falls_silent_and_its_log_says_where_it_hangs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker, may_end = Worker("hanging-steps"), threading.Event()
    ready, told = os.pipe()
    tell_ready(told, is_well=lambda: worker.busy_seconds < LIMIT_SECONDS, pause_seconds=0.01)
    assert os.read(ready, 1) == b"1"
    with caplog.at_level(logging.ERROR, logger="luthier.server"):
        worker.put(may_end.wait, give_up=lambda error: None)
        while not caplog.records:
            time.sleep(0.01)
    while select.select([ready], [], [], 0)[0]:
        os.read(ready, 1 << 16)  # what it said before
    line = json.loads(JsonLines("engine", shows_content=False).format(caplog.records[0]))
    assert "job.do()" in line["stacks"]["hanging-steps"]
    assert not select.select([ready], [], [], 0.1)[0]
    may_end.set()
    assert os.read(ready, 1) == b"1"  # it gets on, and says so again
    assert len(caplog.records) == 1
    os.close(ready)
    worker.close()
