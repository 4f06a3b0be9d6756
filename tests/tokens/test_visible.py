"""What a person would not see is written out, and what can be seen stays as it is."""

from __future__ import annotations

import pytest

from luthier.tokens.visible import make_visible, show_blanks


@pytest.mark.parametrize("character", ["\0", "\x1b", "\r", "\x7f", "\u200b", "\u202e", "\u2066", "\ufeff", "\ud800"])
def test_what_cannot_be_seen_is_written_out(character: str) -> None:
    assert make_visible(f"a{character}b") == f"a⟨U+{ord(character):04X}⟩b"


def test_what_can_be_seen_is_left_alone() -> None:
    text = "Tomás\t\n日本 👩‍🔧 می‌خواهم"
    assert make_visible(text) == text


def test_blanks_are_shown_and_lines_still_break() -> None:
    assert show_blanks("a b\tc\u00a0d\ne\x1b") == "a·b→c⍽d↵\ne⟨U+001B⟩"
