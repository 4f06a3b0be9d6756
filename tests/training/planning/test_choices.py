"""Where a run's settings came from is kept beside it and read back as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from luthier.errors import StoreDamaged
from luthier.training.planning.choices import CHOICES_FILE, Choice, list_lines, read_choices, write_choices

if TYPE_CHECKING:
    from pathlib import Path

CHOICES = (
    Choice("epochs", 2, "recipe"),
    Choice("learning_rate", 1e-3, "probe", "it did best"),
    Choice("target_modules", "all-linear", "given"),
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_choices(CHOICES, tmp_path)
    assert read_choices(tmp_path) == CHOICES


def test_a_run_that_never_began_has_none(tmp_path: Path) -> None:
    assert read_choices(tmp_path) == ()


@pytest.mark.parametrize("text", ["[", '[{"name": "r"}]', "{}x"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / CHOICES_FILE).write_text(text)
    with pytest.raises(StoreDamaged, match=r"settings\.json is damaged"):
        read_choices(tmp_path)


def test_people_see_columns() -> None:
    lists = Choice("target_modules", ("q_proj", "v_proj"), "given")
    assert list_lines((*CHOICES[:2], lists)) == [
        "  epochs = 2                       recipe",
        "  learning_rate = 0.001            probe: it did best",
        "  target_modules = q_proj, v_proj  given",
    ]
    assert list_lines(()) == []
