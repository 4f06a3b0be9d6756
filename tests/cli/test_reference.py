"""The reference page is what the program says today."""

from __future__ import annotations

from pathlib import Path

from luthier.cli.app import list_commands
from luthier.cli.reference import render_reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_reference(), (
        "run: python -m luthier.cli.reference > docs/reference/cli.md"
    )


def test_every_command_and_every_option_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, command in list_commands().items():
        section = page.split(f"\n## luthier {name}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            words = [option for option in parameter.opts if option.startswith("--")]
            shown = words or [parameter.metavar or parameter.name.upper()]
            assert all(f"`{option}" in section for option in shown), (name, shown)
