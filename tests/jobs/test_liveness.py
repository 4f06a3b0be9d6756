"""Which processes are certainly gone, and of which nobody here can tell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from luthier.jobs.liveness import BeatWatch, end_process, identify_process, is_gone

HERE = identify_process()


def test_this_process_is_here() -> None:
    assert HERE.pid == os.getpid()
    assert HERE.start_ticks > 0
    assert not is_gone(HERE, here=HERE)


def test_a_process_that_ended_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = identify_process(process.pid)
    assert not is_gone(identity, here=HERE)
    process.communicate()
    assert is_gone(identity, here=HERE)


def test_the_process_of_somebody_else_is_not_gone() -> None:
    was_root = os.geteuid() == 0
    if was_root:
        os.setresuid(65534, 65534, 0)
    try:
        with pytest.raises(PermissionError):
            os.kill(1, 0)
        assert not is_gone(identify_process(1), here=HERE)
    finally:
        if was_root:
            os.setresuid(0, 0, 0)


def test_of_another_machine_or_an_unknown_one_nobody_can_tell() -> None:
    nobody = HERE._replace(pid=2**22 + 1)  # more than Linux ever counts to
    assert is_gone(nobody, here=HERE)
    assert not is_gone(nobody._replace(machine="elsewhere"), here=HERE)
    assert not is_gone(nobody._replace(machine=""), here=HERE._replace(machine=""))


def test_only_processes_of_this_machine_are_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = identify_process(process.pid)
    end_process(identity._replace(machine="elsewhere"), here=HERE)
    end_process(identity._replace(start_ticks=identity.start_ticks - 1), here=HERE)
    assert process.poll() is None
    end_process(identity, here=HERE)
    assert process.wait(300) == -signal.SIGKILL
    end_process(identity, here=HERE)  # it is gone, and that is as good


def test_a_job_that_changed_hands_has_a_new_lease() -> None:
    seconds = 0.0
    watch = BeatWatch(3.0, stopwatch=lambda: seconds)
    for attempt in (1, 2):
        for _ in range(3):
            assert watch.find_silent({"job": (attempt, 5)}) == set()
            seconds += 1.0
    assert watch.find_silent({"job": (2, 5)}) == {"job"}


def test_a_clock_that_jumps_takes_no_lease_away() -> None:
    seconds = 0.0
    watch = BeatWatch(60.0, stopwatch=lambda: seconds)
    watch.find_silent({"job": (1, 1)})
    seconds += 24 * 3600.0
    assert watch.find_silent({"job": (1, 1)}) == set()
