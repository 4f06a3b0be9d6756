"""Who dies is started again, and nobody is left when the supervisor ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 180

STEADY = "note(f'begins {os.getpid()}'); tell_ready(); time.sleep(600)"
POLITE = """
def leave(number, frame):
    note('NAME leaves')
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
tell_ready()
time.sleep(600)
"""
STUBBORN = (
    "signal.signal(signal.SIGTERM, lambda number, frame: note('asked')); tell_ready()\nwhile True: time.sleep(600)"
)


FROZEN = "note(f'begins {os.getpid()}'); tell_ready(); os.kill(os.getpid(), signal.SIGSTOP)"


def part(program: str, *, stage: int = 1, patience: float = 30, silent: float = 600) -> dict[str, Any]:
    return {"program": program, "stage": stage, "patience": patience, "silent": silent}


class Supervised:
    """A supervisor that runs, and what its programs have told."""

    def __init__(self, process: subprocess.Popen[bytes], told: Path) -> None:
        self.process = process
        self.told = told

    def read_told(self) -> list[str]:
        return self.told.read_text().splitlines() if self.told.exists() else []

    def wait_until(self, is_so: Callable[[list[str]], bool]) -> list[str]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so(told := self.read_told()):
            assert time.monotonic() < deadline, f"only {told}"
            time.sleep(0.01)
        return told

    def list_pids(self) -> list[int]:
        """Of the programs, in the order in which they began."""
        return [int(line.split()[1]) for line in self.read_told() if line.startswith("begins")]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def supervise(folder: Path, **parts: dict[str, Any]) -> Iterator[Supervised]:
    command = [sys.executable, "-m", "tests.support.supervised", str(folder), json.dumps(parts)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"})
    try:
        yield Supervised(process, folder / "told")
    finally:
        process.kill()
        process.wait()


def test_one_who_is_killed_is_started_again_and_the_others_do_not_notice(tmp_path: Path) -> None:
    with supervise(tmp_path, first=part(STEADY), second=part(STEADY)) as supervised:
        supervised.wait_until(lambda told: "ready" in told)
        killed, other = supervised.list_pids()
        os.kill(killed, signal.SIGKILL)
        supervised.wait_until(lambda told: len(supervised.list_pids()) == 3)
        assert psutil.pid_exists(other)
        assert not psutil.pid_exists(killed)
        assert supervised.stop() == 0
        assert not any(psutil.pid_exists(pid) for pid in supervised.list_pids())
        assert supervised.read_told().count("ready") == 1


def test_one_that_hangs_is_ended_and_started_again_and_the_other_is_left_alone(tmp_path: Path) -> None:
    with supervise(tmp_path, frozen=part(FROZEN, silent=1, patience=0.5), other=part(STEADY)) as supervised:
        supervised.wait_until(lambda told: len(supervised.list_pids()) == 4)
        begun = supervised.list_pids()
        assert sum(psutil.pid_exists(pid) for pid in begun[:2]) == 1
        assert supervised.stop() == 0
        assert not any(psutil.pid_exists(pid) for pid in begun)


def test_a_supervisor_that_was_frozen_itself_ends_nobody_for_having_said_nothing(tmp_path: Path) -> None:
    with supervise(tmp_path, one=part(STEADY), other=part(STEADY)) as supervised:
        supervised.wait_until(lambda told: "ready" in told)
        (tmp_path / "later").touch()

        def has_looked_often(told: list[str]) -> bool:
            supervised.process.send_signal(signal.SIGCHLD)  # which wakes it
            return told.count("looks") >= 20

        told = supervised.wait_until(has_looked_often)
        assert sum(line.startswith("begins") for line in told) == 2
        assert all(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in supervised.list_pids())


def test_a_part_that_never_gets_ready_is_told_of_and_the_others_are_ended(tmp_path: Path) -> None:
    with supervise(tmp_path, steady=part(STEADY), broken=part("time.sleep(0.2); sys.exit(7)")) as supervised:
        assert supervised.process.wait(PATIENCE_SECONDS) == 3
        assert supervised.read_told()[-1] == "the server's broken process ended with exit code 7 before it was ready"
        assert not any(psutil.pid_exists(pid) for pid in supervised.list_pids())


def test_who_is_asked_by_others_is_asked_to_end_last(tmp_path: Path) -> None:
    slow = POLITE.replace("NAME", "asker").replace("    note", "    time.sleep(0.3); note")
    parts = {"asked": part(POLITE.replace("NAME", "asked"), stage=2), "asker": part(slow)}
    with supervise(tmp_path, **parts) as supervised:
        supervised.wait_until(lambda told: "ready" in told)
        assert supervised.stop() == 0
        assert supervised.read_told() == ["ready", "stopping", "asker leaves", "asked leaves"]


def test_who_does_not_end_in_its_time_is_ended_by_force(tmp_path: Path) -> None:
    with supervise(tmp_path, stubborn=part(STUBBORN, patience=0.2)) as supervised:
        supervised.wait_until(lambda told: "ready" in told)
        assert supervised.stop() == 0
        assert supervised.read_told() == ["ready", "stopping", "asked"]


def test_a_second_signal_ends_everything_at_once(tmp_path: Path) -> None:
    with supervise(tmp_path, stubborn=part(STUBBORN, patience=600)) as supervised:
        supervised.wait_until(lambda told: "ready" in told)
        supervised.process.send_signal(signal.SIGINT)
        supervised.wait_until(lambda told: "asked" in told)
        supervised.process.send_signal(signal.SIGINT)
        assert supervised.process.wait(PATIENCE_SECONDS) == 0


def test_a_signal_before_anybody_is_ready_ends_all_in_order(tmp_path: Path) -> None:
    with supervise(tmp_path, silent=part("note(f'begins {os.getpid()}'); time.sleep(600)")) as supervised:
        supervised.wait_until(lambda told: bool(told))
        assert supervised.stop() == 0
        assert not any(psutil.pid_exists(pid) for pid in supervised.list_pids())


def test_standard_input_of_a_process_ends_with_the_supervisor(tmp_path: Path) -> None:
    listening = "note(f'begins {os.getpid()}'); tell_ready(); os.read(0, 1); note('left alone')"
    with supervise(tmp_path, listening=part(listening)) as supervised:
        supervised.wait_until(lambda told: "ready" in told)
        supervised.process.kill()
        supervised.wait_until(lambda told: told[-1] == "left alone")
