"""Through the command line: a run in two processes is stopped with Ctrl-C, and the same command ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import luthier
from tests.support.chats import make_dataset

if TYPE_CHECKING:
    from luthier.models.catalog import Base

SOURCE = Path(luthier.__file__).parents[1]
PATIENCE_SECONDS = 600


@pytest.fixture
def command(tiny_base: Base, tmp_path: Path) -> list[str]:
    rows = tmp_path / "chats.jsonl"
    rows.write_text("".join(f"{write_row(line)}\n" for line in range(24)))
    settings = ["epochs=4", "batch_size=3", "r=2", "learning_rate=0.01", "precision=float32"]
    assignments = [word for setting in settings for word in ("--set", setting)]
    return [sys.executable, "-m", "luthier", "tune", str(rows), "--base", str(tiny_base.folder), *assignments]


def write_row(line: int) -> str:
    messages = make_dataset(24).examples[line].conversation.messages
    return json.dumps({"messages": [{"role": message.role, "content": message.content} for message in messages]})


def start(command: list[str], home: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "LUTHIER_HOME": str(home)}
    return subprocess.Popen(
        [*command, "--processes", "2", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop(command: list[str], home: Path) -> tuple[int, str]:
    """As soon as it trains; the exit code, and what it has printed."""
    stopped = start(command, home)
    for line in stopped.stderr or ():
        if line.startswith("training in"):
            stopped.send_signal(signal.SIGINT)
            break
    out, _ = stopped.communicate(timeout=PATIENCE_SECONDS)
    return stopped.returncode, out


def test_two_processes_stop_together_and_go_on_together(command: list[str], tmp_path: Path) -> None:
    for attempt in range(5):  # on a busy machine it may have ended before the signal comes
        home = tmp_path / f"home-{attempt}"
        code, out = stop(command, home)
        if code != 0:
            break
    assert code == 130
    assert json.loads(out)["error"]["code"] == "run_interrupted"
    again = start(command, home)
    out, err = again.communicate(timeout=PATIENCE_SECONDS)
    assert again.returncode == 0, err
    assert "resumed at step" in err
    document = json.loads(out)
    assert document["metrics"]["steps"] == 4 * 7
    assert (home / "models" / document["model"] / "adapter_model.safetensors").exists()
