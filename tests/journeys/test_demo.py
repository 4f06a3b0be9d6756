"""The demo as a command, with a tiny model in the place of SmolLM2: it has to work twice, and after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base

VERDICT_EXIT_CODES = (0, 1, 4)


@pytest.fixture
def environment(tmp_path: Path, tiny_base: Base) -> dict[str, str]:
    bases = tmp_path / "home" / "bases"
    bases.mkdir(parents=True)
    (bases / "smollm2-135m").symlink_to(tiny_base.folder)
    return {**os.environ, "LUTHIER_HOME": str(tmp_path / "home")}


def test_a_killed_demo_goes_on_and_a_finished_one_is_not_done_again(
    environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "luthier", "demo", "--json"]
    first = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_for_checkpoint(tmp_path / "home" / "runs", first)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not (tmp_path / "report.html").exists()

    second = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert second.returncode in VERDICT_EXIT_CODES, second.stderr
    assert "resumed at step" in second.stderr
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")

    third = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert "was trained on this very data with these settings already" in third.stderr
    before, after = json.loads(second.stdout), json.loads(third.stdout)
    assert (before["findings"]["uses"].pop("is_rerun"), after["findings"]["uses"].pop("is_rerun")) == (False, True)
    assert after == before


def wait_for_checkpoint(runs: Path, process: subprocess.Popen[bytes]) -> None:
    """A killed run can only go on from a checkpoint, and the first one comes after the first 50 steps."""
    while not list(runs.glob("*/checkpoints/step-*")):
        assert process.poll() is None, "the demo ended before its first checkpoint"
        time.sleep(0.05)
