"""A disk that fills up in the middle of a run: one message, nothing half-written, and the run goes on later."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

from luthier.data.splits.folder import to_jsonl
from tests.support.chats import make_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base

LARGEST_FILE_BYTES = 700_000
"""Enough for the database and the log, too little for a checkpoint of this rank."""


def limit_files() -> None:
    """The system refuses to let a file grow, as it does when a disk is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE_BYTES, LARGEST_FILE_BYTES))


def test_a_run_on_a_full_disk_can_be_taken_up_when_there_is_room(tiny_base: Base, tmp_path: Path) -> None:
    (tmp_path / "chats.jsonl").write_text(to_jsonl(make_dataset(20)))
    command = [sys.executable, "-m", "luthier", "tune", "chats.jsonl", "--base", str(tiny_base.folder), "--name", "c"]
    command += ["--set", "r=256", "--set", "epochs=1"]
    environment = {**os.environ, "LUTHIER_HOME": str(tmp_path / "home")}
    options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "timeout": 300}

    full = subprocess.run(command, preexec_fn=limit_files, **options)
    assert full.returncode == 3, full.stderr
    assert "checkpoints/step-00000004: no room" in full.stderr
    assert "hint: free some space" in full.stderr
    assert "Traceback" not in full.stderr
    run = next((tmp_path / "home" / "runs").iterdir())
    assert list((run / "checkpoints").glob("step-*")) == []
    assert not (tmp_path / "home" / "models" / "c").exists()

    roomy = subprocess.run(command, **options)
    assert roomy.returncode == 0, roomy.stderr
    assert (tmp_path / "home" / "models" / "c" / "adapter_model.safetensors").exists()
