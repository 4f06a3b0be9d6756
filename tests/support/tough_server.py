"""`luthier serve` that is started again on its port whenever its supervisor was killed, and workers beside it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import openai
import psutil

from luthier.settings import Settings
from luthier.store.home import Home
from tests.support.chaos import RETRIES, find_processes
from tests.support.tiny import save_base
from tests.support.whole_server import (
    PATIENCE_SECONDS,
    build_server_environment,
    launch_server,
    read_document,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALIAS = "gpt-tiny-2024-07-18"
SETTINGS = {"job_attempts": "100", "job_lease_seconds": "20", "training_nice": "0"}


class ToughServer:
    """`luthier serve`, which its owner starts again on the same port when it was killed."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.settings = {**SETTINGS, **settings}
        self._aliases = {ALIAS: save_base(folder / "base")}
        self._process, said = self._start("0")
        self.url, self.key = str(said["url"]), str(said["key"])
        self.home = Home(Settings(home=folder / "home", database_url=settings.get("database_url", "")))

    def open_client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.url, api_key=self.key, max_retries=RETRIES, timeout=PATIENCE_SECONDS)

    def find_part(self, name: str) -> psutil.Process | None:
        parts = psutil.Process(self._process.pid).children()
        return next((part for part in parts if f"luthier.server.processes.{name}" in part.cmdline()), None)

    def kill_supervisor(self) -> None:
        """And starts another: as long as those that it left hold the port, that ends at once, as whoever starts
        services again and again would see."""
        self._process.kill()
        self._process.wait()
        port = self.url.removesuffix("/v1").rpartition(":")[2]

        def start() -> bool:
            with suppress(AssertionError):
                self._process, _ = self._start(port)
                return True
            return False

        wait_until(start)

    def stop(self) -> None:
        """As a person does, and nothing is left."""
        self._process.terminate()
        assert self._process.wait(PATIENCE_SECONDS) == 0, (self.folder / "log").read_text()

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Beside the server's own, over the same home and database."""
        command = [sys.executable, "-m", "luthier", "worker"]
        environment = build_server_environment(self.folder, **self.settings)
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(command, env=environment, cwd=self.folder, stdout=log, stderr=log)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self.home.database.close()

    def _start(self, port: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        process = launch_server(self.folder, "--port", port, aliases=self._aliases, **self.settings)
        try:
            return process, read_document(process, self.folder / "log")
        except AssertionError:
            process.wait()
            raise


@contextmanager
def run_server(folder: Path, **settings: str) -> Iterator[ToughServer]:
    server = ToughServer(folder, **settings)
    try:
        yield server
    finally:
        server.kill()
        for process in find_processes(folder / "home"):
            with suppress(psutil.NoSuchProcess):
                process.kill()
