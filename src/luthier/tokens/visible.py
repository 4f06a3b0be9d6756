"""Text becomes what a person can see: blanks where they would be missed, and every invisible character by its code."""

from __future__ import annotations

import re

# Controls, bidirectional overrides, zero-width marks and halves of surrogate pairs: each could hide, reorder or
# break what stands around it. Tab and line feed are kept, and the joiners that emoji and Persian need.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]"
)
SPACE, LINE_BREAK, TAB, NO_BREAK_SPACE = "·", "↵", "→", "⍽"


def make_visible(text: str) -> str:
    """The same text with each character that cannot be seen written as its code point."""
    return INVISIBLE.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)


def show_blanks(text: str) -> str:
    """As `make_visible`, with a sign for each space and tab, and one before each line break, which stays."""
    signs: dict[str, str | int | None] = {" ": SPACE, "\t": TAB, "\u00a0": NO_BREAK_SPACE, "\n": f"{LINE_BREAK}\n"}
    return make_visible(text).translate(str.maketrans(signs))
