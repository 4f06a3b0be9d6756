"""Processes that are started together end together, and nobody stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

import luthier
from luthier.errors import InvalidConfig, ProcessLost
from luthier.settings import load_launch
from luthier.training.processes.launch import LOST_CODE, run_processes

SOURCE = Path(luthier.__file__).parents[1]
PATIENCE_SECONDS = 300
PREFACE = """
import os, signal, sys, time
from pathlib import Path
rank, folder = int(os.environ["RANK"]), Path(sys.argv[1])
(folder / f"pid-{rank}").write_text(str(os.getpid()))
def wait_for(name):
    while not (folder / name).exists():
        time.sleep(0.01)
"""
STARTER = """
import sys
from luthier.training.processes.launch import run_processes
sys.exit(run_processes([sys.executable, "-c", *sys.argv[1:]], 2))
"""


def run(script: str, folder: Path, count: int = 2) -> int:
    return run_processes([sys.executable, "-c", PREFACE + script, str(folder)], count)


def start(script: str, folder: Path) -> subprocess.Popen[bytes]:
    """In a process of its own, which can be sent a signal; both of its processes are at work when this returns."""
    command = [sys.executable, "-c", STARTER, PREFACE + script, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    starter = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for rank in (0, 1):
        await_file(folder / f"ready-{rank}")
    return starter


def await_file(path: Path) -> str:
    deadline = monotonic() + PATIENCE_SECONDS
    while not path.exists() or not path.read_text():
        assert monotonic() < deadline, f"{path.name} never came"
        sleep(0.01)
    return path.read_text()


def await_end(pid: int) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert monotonic() < deadline, f"process {pid} stays"
            sleep(0.01)


def read_pids(folder: Path) -> list[int]:
    return [int((folder / f"pid-{rank}").read_text()) for rank in (0, 1)]


def test_each_process_learns_which_one_it_is(tmp_path: Path) -> None:
    names = ("WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    script = f"(folder / f'said-{{rank}}').write_text(' '.join(os.environ[name] for name in {names}))"
    assert run(script, tmp_path, 3) == 0
    assert [(tmp_path / f"said-{rank}").read_text() for rank in range(3)] == ["3 0 3", "3 1 3", "3 2 3"]


def test_only_the_main_process_is_heard(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("print(f'out {rank}'); print(f'err {rank}', file=sys.stderr)", tmp_path) == 0
    heard = capfd.readouterr()
    assert (heard.out, heard.err) == ("out 0\n", "err 0\n")


def test_the_main_process_says_itself_why_it_failed(tmp_path: Path) -> None:
    assert run("sys.exit(2)", tmp_path) == 2


def test_a_process_that_is_killed_ends_all_and_is_named(tmp_path: Path) -> None:
    script = f"""
if rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
wait_for("pid-1")
sys.exit({LOST_CODE})
"""
    with pytest.raises(ProcessLost, match=r"^process 2 of 2 was ended by SIGKILL$"):
        run(script, tmp_path)


def test_what_a_failed_process_said_is_passed_on(tmp_path: Path) -> None:
    script = f"""
if rank == 1:
    print("some noise\\nerror: out of memory while training\\nhint: free some memory", file=sys.stderr)
    sys.exit(3)
time.sleep(0.3)
sys.exit({LOST_CODE})
"""
    with pytest.raises(ProcessLost, match=r"^process 2 of 2 ended with exit code 3: out of memory") as failure:
        run(script, tmp_path)
    assert failure.value.hint == "free some memory"


def test_one_that_does_not_notice_is_ended_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("luthier.training.processes.launch.GRACE_SECONDS", 0.1)
    with pytest.raises(ProcessLost, match="process 2 of 2 ended with exit code 1: ValueError: no"):
        run("wait_for('pid-0') if rank else time.sleep(600)\nraise ValueError('no')", tmp_path)
    await_end(int((tmp_path / "pid-0").read_text()))


PATIENT = """
from luthier.training.interrupt import catch_interrupts
from luthier.training.processes.launch import watch_starter
watch_starter()
with catch_interrupts() as is_stop_wanted:
    (folder / f"ready-{rank}").write_text("yes")
    while not is_stop_wanted():
        time.sleep(0.01)
(folder / f"stopped-{rank}").write_text("yes")
sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_polite_kill_reach_all(tmp_path: Path, number: signal.Signals) -> None:
    starter = start(PATIENT, tmp_path)
    starter.send_signal(number)
    assert starter.wait(PATIENCE_SECONDS) == 130
    assert all((tmp_path / f"stopped-{rank}").exists() for rank in (0, 1))


def test_when_the_starter_is_killed_the_others_stop_as_by_ctrl_c(tmp_path: Path) -> None:
    starter = start(PATIENT, tmp_path)
    starter.kill()
    starter.wait()
    for rank, pid in enumerate(read_pids(tmp_path)):
        await_file(tmp_path / f"stopped-{rank}")
        await_end(pid)


def test_a_process_alone_is_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert load_launch().is_main
    assert load_launch().world_size == 1


def test_a_process_that_cannot_be_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "second")
    with pytest.raises(InvalidConfig, match="RANK in the environment"):
        load_launch()
