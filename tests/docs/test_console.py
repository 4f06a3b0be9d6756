"""What README and guides tell a reader to type does what they say, here with a tiny model in the place of SmolLM2."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from luthier.models.catalog import Base

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
PROGRAMS = {
    "luthier": [sys.executable, "-m", "luthier"],
    ".venv/bin/luthier": [sys.executable, "-m", "luthier"],
    "python": [sys.executable],
}
ADDRESS = "http://127.0.0.1:8000"
"""Of the server that a page has started, where a test takes any free port."""

SAYS_NO = 1
CANNOT_TELL = 4
"""A random model cannot win and a messy file has errors, so a command that ends with a verdict may say no."""


def list_commands(page: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"^\$ (.+)$", "".join(blocks), flags=re.MULTILINE)


@pytest.fixture
def environment(tmp_path: Path, tiny_base: Base) -> dict[str, str]:
    bases = tmp_path / "home" / "bases"
    bases.mkdir(parents=True)
    (bases / "smollm2-135m").symlink_to(tiny_base.folder)
    home = str(tmp_path / "home")
    # What trains would stand back for the other tests.
    return {**os.environ, "LUTHIER_HOME": home, "PYTHONUTF8": "1", "LUTHIER_TRAINING_NICE": "0"}


def run_command(command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Understands `>` and nothing else of a shell."""
    line, _, target = command.partition(" > ")
    program, *arguments = shlex.split(line)
    result = subprocess.run(
        [*PROGRAMS[program], *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",  # a messy file is not all UTF-8
        timeout=600,
    )
    if target:
        (folder / target).write_text(result.stdout, encoding="utf-8", errors="surrogateescape")
    return result


def save_scripts(page: Path, folder: Path) -> None:
    """A block of Python that begins with the name of a file is that file."""
    for name, code in re.findall(
        r"```python\n# (\w+\.py)\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL
    ):
        (folder / name).write_text(code, encoding="utf-8")


@contextmanager
def serving(command: str, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Its address, without the path; `environment` then leads OpenAI's client there. It takes any free port."""
    _, *arguments = shlex.split(command)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "luthier", *arguments, "--port", "0", "--json"],
            **{"cwd": folder, "env": environment, "stdout": subprocess.PIPE, "stderr": log, "text": True},
        )
    try:
        assert process.stdout is not None
        said = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        environment["OPENAI_BASE_URL"], environment["OPENAI_API_KEY"] = said["url"], said["key"]
        yield said["url"].removesuffix("/v1")
    finally:
        process.terminate()
        process.wait(300)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_a_page_works_in_its_order(page: Path, environment: dict[str, str], tmp_path: Path) -> None:
    commands = list_commands(page)
    assert commands
    save_scripts(page, tmp_path)
    with ExitStack() as servers:
        address = ""
        for command in commands:
            program, action = command.split()[:2]
            if program == "make":
                assert f"\n{action}:" in (ROOT / "Makefile").read_text(), f"the Makefile has no target {action}"
            elif action == "serve":
                address = servers.enter_context(serving(command, tmp_path, environment))
            else:
                require_success(command.replace(ADDRESS, address or ADDRESS), tmp_path, environment)


def require_success(command: str, folder: Path, environment: dict[str, str]) -> None:
    action = command.split()[1]
    result = run_command(command, folder, environment)
    allowed = (0, SAYS_NO, CANNOT_TELL) if action in ("check", "demo", "eval") else (0,)
    assert result.returncode in allowed, f"{command}\n{result.stderr}"


def test_python_examples_run(environment: dict[str, str], tmp_path: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert code
    run_command("python -m luthier.data.examples.orders > orders.jsonl", tmp_path, environment)
    result = subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
