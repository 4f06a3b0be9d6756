"""A PostgreSQL server of one's own: on a socket in a temporary folder, under a user that it accepts, gone with us."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from luthier.jobs.launcher import PR_SET_PDEATHSIG

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBC = ctypes.CDLL(None)
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",  # a server that is killed loses nothing of what the kernel has taken
    "max_connections": "60",
    "shared_buffers": "16MB",
}


def find_programs() -> Path | None:
    """The folder with `initdb`, which distributions keep off the PATH."""
    found = [Path(path).parent for path in [shutil.which("initdb")] if path]
    return next(iter([*found, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]), None)


class PostgresqlServer:
    def __init__(self, programs: Path, folder: Path, account: dict[str, Any]) -> None:
        self._programs = programs
        self._folder = folder
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        command = [
            str(self._programs / "initdb"),
            "-D",
            str(self._folder / "data"),
            "-U",
            "luthier",
            "-A",
            "trust",
            "-N",
        ]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, **self._account)

    def start(self) -> None:
        options = {**OPTIONS, "unix_socket_directories": str(self._folder)}
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data")]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, preexec_fn=_end_with_parent, **self._account
            )
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            time.sleep(0.02)

    def stop(self, *, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT breaks off what runs and saves everything; SIGQUIT is a crash."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait()

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Its address for SQLAlchemy. Waits for the server to see that nobody uses the template any more."""
        with self.connect("postgres") as connection:
            while True:
                with suppress(psycopg.errors.ObjectInUse):
                    connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
                    break
        return f"postgresql+psycopg://luthier@/{name}?host={self._folder}"

    def connect(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self._folder), user="luthier", dbname=name, autocommit=True)

    def _answers(self) -> bool:
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def run_postgresql() -> Iterator[PostgresqlServer]:
    """Skips the test, and says so, where PostgreSQL is not installed."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # Not in pytest's own folder, which is closed to others, and with a name that is short enough for a socket.
    folder = Path(tempfile.mkdtemp(prefix="luthier-pg-"))
    try:
        server = PostgresqlServer(programs, folder, _choose_account(folder))
        server.create()
        server.start()
        yield server
        server.stop(how=signal.SIGQUIT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end_with_parent() -> None:
    # Luthier's launcher would have to run as a user that may not be able to read this Python.
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _choose_account(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    account = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
