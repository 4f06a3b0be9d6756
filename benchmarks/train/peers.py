"""The libraries that are compared with, in a virtual environment of their own: made when it is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

REQUIREMENTS = Path(__file__).parents[1] / "requirements-train.txt"
TORCH = "torch==2.13.0"

FOLDER = Path.home() / ".cache" / "luthier-bench-train"

PEERS = ("torch", "trl", "peft", "transformers", "accelerate")

VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


def prepare_peers(folder: Path) -> Path:
    """The environment's Python. What is there already is used as it is."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"installing the libraries to compare with into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        # Alone and first, so that nothing else decides which build of it is taken.
        for wanted in ([TORCH], ["-r", str(REQUIREMENTS)]):
            command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
            subprocess.run(command, check=True, stdout=sys.stderr)
    return python


def read_versions(python: Path, names: Sequence[str] = PEERS) -> dict[str, str]:
    """Raises SystemExit when the environment is not complete."""
    done = subprocess.run([str(python), "-c", VERSIONS, *names], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{python} lacks a library: delete its environment to have it made anew\n{done.stderr}")
    versions: dict[str, str] = json.loads(done.stdout)
    return versions
