"""A home of its own, a small model and small data; the command line is called in this process or in another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from luthier.cli.app import run
from luthier.data.examples.orders import generate_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from luthier.models.catalog import Base

SOURCE = Path(__file__).parents[2] / "src"
QUICK = ("--set", "epochs=1", "--set", "batch_size=4", "--set", "r=2", "--set", "precision=float32")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


if TYPE_CHECKING:
    Call = Callable[..., Outcome]


@pytest.fixture(scope="session")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty rows, so that three are tested."""
    path = tmp_path_factory.mktemp("data") / "orders.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in generate_rows(30)), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tuned_home(tmp_path_factory: pytest.TempPathFactory, tiny_base: Base, orders: Path) -> Path:
    """Holds the model `tiny-orders`."""
    home = tmp_path_factory.mktemp("tuned")
    command = ["tune", str(orders), "--base", tiny_base.name, "--name", "tiny-orders", *QUICK]
    assert call_process(home, *command).code == 0
    return home


@pytest.fixture
def home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, in a working folder of its own."""
    monkeypatch.setenv("LUTHIER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def call(home_folder: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def call_here(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return call_here


@pytest.fixture
def call_tuned(tuned_home: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> Call:
    """As `call`, where `tiny-orders` is there already."""
    monkeypatch.setenv("LUTHIER_HOME", str(tuned_home))
    return call


def call_process(home: Path, *arguments: str, **options: Any) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-m", "luthier", *arguments],
        **{"env": environment(home), "capture_output": True, "text": True, "timeout": 300, **options},
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def environment(home: Path, **more: str) -> dict[str, str]:
    """One thread each, so that processes beside each other do not fight for the cores."""
    return {**os.environ, "LUTHIER_HOME": str(home), "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1", **more}
