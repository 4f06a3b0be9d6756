"""`luthier serve` in a process of its own, with all its parts, over a home and a base that a test brings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2
import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 300


class Server(NamedTuple):
    """`said` is what `serve --json` has printed; `said["url"]` ends in /v1."""

    process: subprocess.Popen[str]
    said: dict[str, Any]
    log: Path

    @property
    def address(self) -> str:
        return str(self.said["url"]).removesuffix("/v1")

    def find_part(self, name: str) -> psutil.Process:
        parts = psutil.Process(self.process.pid).children()
        return next(part for part in parts if f"luthier.server.processes.{name}" in part.cmdline())

    def is_ready(self) -> bool:
        return httpx2.get(f"{self.address}/readyz", timeout=PATIENCE_SECONDS).status_code == 200


def wait_until(is_so: Callable[[], bool], *, patience_seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + patience_seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


@contextmanager
def start_server(folder: Path, *arguments: str, aliases: Mapping[str, Path | str], **settings: str) -> Iterator[Server]:
    """Its home is `folder`/home. `aliases` name saved bases or models; `settings` go into its environment."""
    log = folder / "log"
    process = launch_server(folder, *arguments, aliases=aliases, **settings)
    try:
        yield Server(process, read_document(process, log), log)
    finally:
        for part in psutil.Process(process.pid).children() if process.poll() is None else ():
            part.kill()
        process.kill()
        process.wait()


def launch_server(
    folder: Path, *arguments: str, aliases: Mapping[str, Path | str], **settings: str
) -> subprocess.Popen[str]:
    """As `start_server`, and leaves it to the caller to wait for it and to end it."""
    named = [word for name, base in aliases.items() for word in ("--alias", f"{name}={base}")]
    command = [sys.executable, "-m", "luthier", "serve", "--port", "0", "--json", *named, *arguments]
    with (folder / "log").open("a") as stderr:
        return subprocess.Popen(
            command,
            env=build_server_environment(folder, **settings),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )


def build_server_environment(folder: Path, **settings: str) -> dict[str, str]:
    return {
        **os.environ,
        "LUTHIER_HOME": str(folder / "home"),
        "PYTHONPATH": str(ROOT / "src"),
        "LUTHIER_TRAINING_NICE": "0",  # what trains would stand back for the other tests
        **{f"LUTHIER_{name.upper()}": value for name, value in settings.items()},
    }


def read_document(process: subprocess.Popen[str], log: Path) -> dict[str, Any]:
    """The JSON that it prints when it is ready."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.startswith("}"):
            return dict(json.loads(text))
    raise AssertionError(f"serve has ended: {text} {log.read_text()}")
