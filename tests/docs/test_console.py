"""What README and guides tell a reader to type does what they say, here with a tiny model in the place of SmolLM2."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from luthier.models.catalog import Base

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
PROGRAMS = {
    "luthier": [sys.executable, "-m", "luthier"],
    ".venv/bin/luthier": [sys.executable, "-m", "luthier"],
    "python": [sys.executable],
}
SAYS_NO = 1
"""A random model cannot win and a messy file has errors, so a command that ends with a verdict may say no."""


def list_commands(page: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"^\$ (.+)$", "".join(blocks), flags=re.MULTILINE)


@pytest.fixture
def environment(tmp_path: Path, tiny_base: Base) -> dict[str, str]:
    bases = tmp_path / "home" / "bases"
    bases.mkdir(parents=True)
    (bases / "smollm2-135m").symlink_to(tiny_base.folder)
    return {**os.environ, "LUTHIER_HOME": str(tmp_path / "home"), "PYTHONUTF8": "1"}


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
        timeout=300,
    )
    if target:
        (folder / target).write_text(result.stdout, encoding="utf-8", errors="surrogateescape")
    return result


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_a_page_works_in_its_order(page: Path, environment: dict[str, str], tmp_path: Path) -> None:
    commands = list_commands(page)
    assert commands
    for command in commands:
        program, action = command.split()[:2]
        if program == "make":
            assert f"\n{action}:" in (ROOT / "Makefile").read_text(), f"the Makefile has no target {action}"
            continue
        result = run_command(command, tmp_path, environment)
        allowed = (0, SAYS_NO) if action in ("check", "demo", "eval") else (0,)
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
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
