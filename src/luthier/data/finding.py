"""A rule's statement about a file: what is wrong, on which line, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]


LONGEST_TEXT = 80
"""Characters of the user's text that a finding shows."""

JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Finding:
    """`line` counts from 1 and is None when it is about the file; `message` names neither file nor line.

    `message_index` is the message of the row, from 1. `text` is what the finding is about, as far as it can be
    shown. `related_line` is the other row of a pair, in `related_file`, which is "" for the same file.
    """

    code: str
    severity: Severity
    line: int | None
    message: str
    hint: str
    message_index: int | None = None
    text: str = ""
    related_file: str = ""
    related_line: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def sentence(self, file_name: str) -> str:
        """`orders.jsonl:17: the last message is from user`, as editors and terminals link it."""
        place = file_name if self.line is None else f"{file_name}:{self.line}"
        return f"{place}: {self.message}"


def cut_text(text: str) -> str:
    """Text on one line, of at most 80 characters, with nothing in it that a terminal would obey."""
    line = write_unseen(" ".join(text[: LONGEST_TEXT * 4].split()))
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 3]}..."


def write_unseen(text: str) -> str:
    """Characters that cannot be seen as escapes, except those that join others into emoji and words."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in JOINERS else repr(sign)[1:-1] for sign in text)
