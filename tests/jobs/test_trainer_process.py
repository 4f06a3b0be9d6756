"""Processes of trainers end with all that they have started, and nobody else does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from luthier.jobs.trainer_process import TrainerProcess

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_SECONDS = 180


@pytest.fixture
def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainerProcess:
    """One that has left a helper in its group, and was not looked at yet."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    command = ["/bin/sh", "-c", f"sleep 1000 & echo $! > {tmp_path / 'helper'}"]
    process = TrainerProcess(command, log=tmp_path / "log", nice=0, environment={})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def test_the_first_look_ends_what_is_left_of_the_group(ended: TrainerProcess, tmp_path: Path) -> None:
    helper = psutil.Process(int((tmp_path / "helper").read_text()))
    assert not ended.is_running()
    assert not psutil.wait_procs([helper], timeout=PATIENCE_SECONDS)[1]


def test_nobody_is_killed_who_has_its_number_later(ended: TrainerProcess) -> None:
    """A database that is away can keep a worker from settling the job of a process that ended long ago."""
    assert not ended.is_running()
    with subprocess.Popen(["/bin/sleep", "1000"], process_group=0) as other:
        ended._process.pid = other.pid
        ended.kill()
        assert not ended.is_running()
        assert other.poll() is None
        other.kill()
