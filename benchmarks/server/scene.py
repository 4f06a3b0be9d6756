"""The processes that are measured: the server's own API process, an engine that only talks, and the yardstick."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from luthier.jobs.desk import create_job
from luthier.jobs.job import JobDraft
from luthier.server.processes.assignment import Assignment, build_command
from luthier.settings import Settings, build_environment
from luthier.store.home import Home
from luthier.store.keys import create_key
from luthier.store.user_files.shelf import keep_file
from server.load import HOST, Target
from server.talker import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator

BENCHMARKS = Path(__file__).parents[1]
BACKLOG = 2048


class Part(NamedTuple):
    """A running process, and where it answers if it does."""

    pid: int
    port: int = 0


class Scene(NamedTuple):
    """`file_id` and `job_id` are there to be read."""

    api: Part
    bare: Part
    target: Target
    yardstick: Target
    file_id: str
    job_id: str


@contextmanager
def set_scene(folder: Path) -> Iterator[Scene]:
    home = Home(Settings(home=folder / "home"))
    key = create_key(home.database, "admin", name="the benchmark").secret
    file_id = keep_file(home, b'{"messages": []}\n', filename="rows.jsonl", purpose="fine-tune").id
    draft = JobDraft(
        request={},
        model=MODEL,
        base_model=MODEL,
        training_file=file_id,
        method="supervised",
        hyperparameters={"n_epochs": "auto"},
    )
    job_id = create_job(home.database, draft).id
    home.database.close()
    with (
        run_part("server.talker", folder, answers=False),
        run_part("luthier.server.processes.api", folder) as api,
        run_part("server.bare", folder) as bare,
    ):
        yield Scene(api, bare, Target(api.port, key), Target(bare.port), file_id, job_id)


@contextmanager
def run_part(module: str, folder: Path, *, answers: bool = True) -> Iterator[Part]:
    """As the server's supervisor starts it, with its log in the folder."""
    ready, told = os.pipe()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind((HOST, 0))
        if answers:
            listener.listen(BACKLOG)
        assignment = Assignment(told, str(folder / "engine"), listener_fd=listener.fileno())
        with (folder / f"{module}.log").open("wb") as log:
            process = subprocess.Popen(
                build_command(module, assignment),
                stdin=subprocess.PIPE,  # closes when this program ends, by which the process knows
                stdout=log,
                stderr=log,
                env=build_environment({"LUTHIER_HOME": str(folder / "home"), "PYTHONPATH": find_modules()}),
                pass_fds=(told, listener.fileno()),
            )
        os.close(told)
        port = listener.getsockname()[1]
    try:
        if os.read(ready, 1) != b"1":
            raise SystemExit(f"{module} did not start: {(folder / f'{module}.log').read_text()}")
        yield Part(process.pid, port)
    finally:
        os.close(ready)
        process.terminate()
        process.wait()


def find_modules() -> str:
    """For PYTHONPATH: this folder, before those that are there already."""
    return os.pathsep.join(filter(None, [str(BENCHMARKS), build_environment().get("PYTHONPATH", "")]))
