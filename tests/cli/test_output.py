"""Commands to copy name the program as a shell finds it from here; text reaches a pipe untouched."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from luthier.cli import output

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An executable in a folder `bin`, called by its whole path from the folder above."""
    path = tmp_path / "bin" / "luthier"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", [str(path)])
    return path


def test_a_program_on_the_path_goes_by_its_name(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert output.program_name() == "luthier"


@pytest.mark.usefixtures("program")
def test_a_program_elsewhere_goes_by_the_way_to_it() -> None:
    assert output.program_name() == "bin/luthier"


def test_a_program_in_this_very_folder_keeps_its_dot(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(program.parent)
    assert output.program_name() == "./luthier"


def test_a_module_is_run_by_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/luthier/__main__.py"])
    assert output.program_name().endswith(" -m luthier")


def test_brackets_are_text_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    output.write("[bold]:smile:[/bold]")
    assert capsys.readouterr().out == "[bold]:smile:[/bold]\n"


def test_bytes_that_are_no_text_become_a_mark() -> None:
    assert output.drop_surrogates("caf\udce9 ☕") == "caf\ufffd ☕"
