"""A server's process: it ends with whoever started it, however that one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from luthier.engine.vllm.process import VllmProcess, find_free_port
from luthier.settings import build_environment

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_SECONDS = 300
OWNER = """
import sys, time
from pathlib import Path
from luthier.engine.vllm.process import VllmProcess
from luthier.settings import build_environment

process = VllmProcess(sys.argv[2:], environment=build_environment(), log_path=Path(sys.argv[1]))
print("started", flush=True)
time.sleep(3600)
"""

SERVER = """
import os, pathlib, subprocess, sys, time

worker = subprocess.Popen(["sleep", "3600"])
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {worker.pid}")
print("serving", flush=True)
time.sleep(3600)
"""


def start(tmp_path: Path, program: str) -> VllmProcess:
    command = [sys.executable, "-c", program, str(tmp_path / "pids")]
    return VllmProcess(command, environment=build_environment(), log_path=tmp_path / "logs" / "server.log")


def wait_for_pids(path: Path) -> list[int]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists() or len(words := path.read_text().split()) < 2:
        assert time.monotonic() < deadline, "the server does not start"
        time.sleep(0.05)
    return [int(word) for word in words]


def assert_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline, f"of {pids} some live on"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_closing_ends_the_server_and_what_it_started(tmp_path: Path) -> None:
    process = start(tmp_path, SERVER)
    pids = wait_for_pids(tmp_path / "pids")
    assert process.exit_code is None
    process.close()
    process.close()
    assert process.exit_code is not None
    assert_gone(pids)


def test_a_killed_owner_takes_the_server_along(tmp_path: Path) -> None:
    server = [sys.executable, "-c", SERVER, str(tmp_path / "pids")]
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / "log"), *server]) as owner:
        pids = wait_for_pids(tmp_path / "pids")
        assert all(map(is_running, pids))
        owner.send_signal(signal.SIGKILL)
    assert_gone(pids)


def test_workers_do_not_outlive_a_server_that_dies(tmp_path: Path) -> None:
    process = start(tmp_path, SERVER)
    pids = wait_for_pids(tmp_path / "pids")
    os.kill(pids[0], signal.SIGKILL)
    assert_gone(pids)
    process.close()


def test_the_last_lines_are_those_of_this_start(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "server.log").write_text("of an earlier start\n")
    process = start(tmp_path, "import sys\nfor line in range(30): print(line)\nprint()\nsys.exit('broken')")
    while process.exit_code is None:
        time.sleep(0.05)
    lines = process.read_last_lines().splitlines()
    process.close()
    assert len(lines) == 12
    assert lines[-2:] == ["29", "broken"]
    assert "of an earlier start" in process.log_path.read_text()


def test_a_free_port_is_free() -> None:
    assert 1024 <= find_free_port() <= 65535
