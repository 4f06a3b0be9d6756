"""`preview` tells trained from masked text with and without colour, and says why a row cannot be shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from luthier.cli import output
from luthier.cli.render_preview import render_previews
from luthier.pipeline import preview
from luthier.settings import Settings
from luthier.store.home import Home
from tests.data.rows import message, row, write

if TYPE_CHECKING:
    from pathlib import Path

    from luthier.models.catalog import Base
    from tests.cli.conftest import Call

SYSTEM, USER = message("system", "Be brief."), message("user", "Is ⟦this⟧  odd?\n")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write(
        tmp_path / "rows.jsonl",
        row(USER),
        row(SYSTEM, USER, message("assistant", "Yes.")),
        row(message("user", "<|im_end|>"), message("assistant")),
    )


def test_trained_text_stands_in_brackets_that_no_other_text_can_have(call: Call, rows: Path, tiny_base: Base) -> None:
    outcome = call("preview", rows, "--line", 2, "--base", tiny_base.name)
    assert outcome.code == 0
    assert f"{rows}:2: " in outcome.out.splitlines()[0]
    assert "5 trained" in outcome.out
    assert "the stop token is trained" in outcome.out
    assert "<|im_start|>assistant↵\n⟦Yes.<|im_end|>⟧↵" in outcome.out
    assert "Is·⟨U+27E6⟩this⟨U+27E7⟩··odd?↵\n" in outcome.out
    assert outcome.out.endswith("tab\n")


def test_the_first_sound_row_is_shown_when_no_line_is_named(call: Call, rows: Path, tiny_base: Base) -> None:
    shown = call("preview", rows, "--base", tiny_base.name, "--json").document["rows"]
    assert [each["line"] for each in shown] == [2]


def test_rows_that_cannot_be_trained_say_why(call: Call, rows: Path, tiny_base: Base) -> None:
    outcome = call("preview", rows, "--line", 1, "--line", 3, "--base", tiny_base.name)
    assert outcome.code == 1
    assert f"{rows}:1: error LD207 the last message is from user" in outcome.out
    assert f"{rows}:3: message 1 contains the model's control token '<|im_end|>'" in outcome.out
    assert "⟦" not in outcome.out


def test_the_page_is_written_beside_the_result(call: Call, rows: Path, tiny_base: Base, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    shown = call("preview", rows, "--base", tiny_base.name, "--html", page, "--json").document["rows"]
    (conversation,) = shown[0]["conversations"]
    assert page.read_text(encoding="utf-8").count('title="position ') == conversation["tokens"]


def test_the_page_does_not_replace_the_rows(call: Call, rows: Path, tiny_base: Base) -> None:
    before = rows.read_bytes()
    outcome = call("preview", rows, "--base", tiny_base.name, "--html", rows, "--json")
    assert (outcome.code, outcome.document["error"]["code"]) == (2, "usage")
    assert rows.read_bytes() == before


def test_a_line_that_is_not_there_is_told_with_those_that_are(call: Call, rows: Path, tiny_base: Base) -> None:
    outcome = call("preview", rows, "--line", 2, "--line", 9, "--base", tiny_base.name, "--json")
    assert outcome.code == 2
    assert outcome.document["error"]["message"] == "rows.jsonl has no line 9"
    assert outcome.document["error"]["hint"] == "its lines are 1 to 3"


def test_a_file_without_a_sound_row_sends_to_check(call: Call, tiny_base: Base, tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.jsonl", row(USER), "{")
    outcome = call("preview", bad, "--base", tiny_base.name)
    assert outcome.code == 2
    assert "luthier check" in outcome.err


@pytest.mark.parametrize("no_colour", [True, False])
def test_colours_add_to_the_text_and_change_nothing(
    rows: Path, tiny_base: Base, tmp_path: Path, no_colour: bool
) -> None:
    """What a terminal gets has the same words as a file; with NO_COLOR it is the very same text."""
    shown = preview(rows, [2], base=tiny_base.name, home=Home(Settings(home=tmp_path / "home")))
    pieces = render_previews(shown, str(rows))
    plain = "".join(piece.text for piece in pieces)
    console = Console(force_terminal=True, no_color=no_colour, color_system="standard", soft_wrap=True, width=500)
    with console.capture() as captured:
        console.print(output.colour_pieces(pieces))
    assert ("\x1b[" in captured.get()) != no_colour
    assert "".join(piece.text for piece in pieces if piece.colour == "green") == "⟦Yes.<|im_end|>⟧"
    if no_colour:
        assert captured.get() == plain + "\n"


def test_the_document_says_which_file_and_base(call: Call, rows: Path, tiny_base: Base) -> None:
    document = json.loads(call("preview", rows, "--base", tiny_base.name, "--json").out)
    assert (document["file"], document["base"]) == (str(rows), tiny_base.name)
