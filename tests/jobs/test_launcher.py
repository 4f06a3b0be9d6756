"""A process that is started through the launcher stands back, and ends with the one that started it."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from luthier.jobs.launcher import AUTOGROUP, launch_command
from luthier.settings import build_environment

ENVIRONMENT = build_environment({"PYTHONPATH": os.pathsep.join(filter(None, sys.path))})


def test_it_becomes_the_command_with_its_arguments_and_niceness() -> None:
    code = "import os, sys; print(os.getpid(), os.nice(0), sys.argv[1:])"
    command = launch_command([sys.executable, "-c", code, "a b", "--", "$HOME"], nice=3)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    output = process.communicate(timeout=300)[0]
    assert output == f"{process.pid} {os.nice(0) + 3} ['a b', '--', '$HOME']\n"


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not share the cores among sessions")
@pytest.mark.parametrize(("is_of_its_own", "niceness"), [(True, os.nice(0) + 3), (False, 0)])
def test_a_session_of_its_own_stands_back_as_a_whole_and_another_one_is_left_alone(
    is_of_its_own: bool, niceness: int
) -> None:
    """In a session that this test has made, so that nothing else is slowed."""
    code = f"print(open({str(AUTOGROUP)!r}).read().split()[-1])"
    command = launch_command([sys.executable, "-c", code], nice=3)
    if not is_of_its_own:
        here = "[str(os.getpid()) if word == 'ME' else word for word in sys.argv[1:]]"
        starter = f"import os, subprocess, sys; subprocess.run({here})"
        command[command.index(str(os.getpid()))] = "ME"
        command = [sys.executable, "-c", starter, *command]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, start_new_session=True, timeout=300)
    assert done.stdout == f"{niceness}\n"


def test_it_ends_when_its_parent_is_killed() -> None:
    parent = f"""
import subprocess
from luthier.jobs.launcher import launch_command
command = launch_command([{sys.executable!r}, "-c", "print(1, flush=True); import time; time.sleep(1000)"])
child = subprocess.Popen(command, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    assert child.is_running()
    process.kill()
    process.communicate()
    assert not psutil.wait_procs([child], timeout=300)[1]


def test_it_starts_nothing_for_a_parent_that_is_gone_already() -> None:
    command = launch_command([sys.executable, "-c", "print('started')"])
    command[command.index(str(os.getpid()))] = str(2**22 + 1)
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    assert (done.returncode, done.stdout) == (1, "")
