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
# A random model cannot win, so a command that ends with a verdict may say no.
MAY_SAY_NO = {"eval", "demo"}


def list_commands(page: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"^\$ (.+)$", "".join(blocks), flags=re.MULTILINE)


@pytest.fixture
def environment(tmp_path: Path, tiny_base: Base) -> dict[str, str]:
    bases = tmp_path / "home" / "bases"
    bases.mkdir(parents=True)
    (bases / "smollm2-135m").symlink_to(tiny_base.folder)
    return {**os.environ, "LUTHIER_HOME": str(tmp_path / "home")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_a_page_works_in_its_order(page: Path, environment: dict[str, str], tmp_path: Path) -> None:
    commands = list_commands(page)
    assert commands
    for command in commands:
        words = shlex.split(command)
        if words[0] == "make":
            assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(), f"the Makefile has no target {words[1]}"
            continue
        target = words.index(">") if ">" in words else len(words)
        words[0] = {"python": sys.executable, "luthier": sys.executable, ".venv/bin/luthier": sys.executable}[words[0]]
        arguments = words[:target] if "python" in command.split()[0] else [words[0], "-m", "luthier", *words[1:target]]
        result = subprocess.run(
            arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=300
        )
        allowed = (0, 1) if MAY_SAY_NO & set(words) else (0,)
        assert result.returncode in allowed, f"{command}\n{result.stderr}"
        if ">" in shlex.split(command):
            (tmp_path / shlex.split(command)[target + 1]).write_text(result.stdout, encoding="utf-8")
