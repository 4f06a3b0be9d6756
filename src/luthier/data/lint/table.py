"""What a check remembers of the rows that it has read: columns of hashes and small codes, never their text.

So a file may be larger than memory, and rules about the whole file are functions of columns.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

from luthier.data import profile
from luthier.data.answers.columns import AnswerColumns
from luthier.data.answers.forms import Form
from luthier.data.likeness.sketches import SketchColumn, read_row_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from luthier.data.dataset import Example


class Categories:
    """One small code for each row; a value seen before has the code that it had then.

    Beyond `limit` different values nothing more is remembered: `is_open` is then False, and the column says nothing.
    """

    def __init__(self, limit: int = 1000) -> None:
        self.codes = array("I")
        self.is_open = True
        self._limit = limit
        self._codes: dict[str, int] = {}

    @property
    def values(self) -> list[str]:
        """At the index of its code."""
        return list(self._codes)

    def add(self, value: str) -> None:
        if not self.is_open:
            return
        self.codes.append(self._codes.setdefault(value, len(self._codes)))
        if len(self._codes) > self._limit:
            self.is_open = False
            self.codes = array("I")
            self._codes.clear()

    def counts(self) -> NDArray[np.intp]:
        """How many rows have each value."""
        return np.bincount(np.asarray(self.codes), minlength=len(self._codes))


class Table:
    """Every column has one entry for each sound row, in the order of the file.

    `row_count` counts all rows, and `format_lines` has the lines of each format by its name, sound or not.
    `has_pairs` says that rows are preferences.
    """

    def __init__(self, *, minimum: int) -> None:
        self.minimum = minimum
        self.has_pairs = False
        self.row_count = 0
        self.format_lines: dict[str, array[int]] = {}
        self.lines = array("Q")
        self.contents = array("Q")
        self.sketches = SketchColumn()
        self.prompts = array("Q")
        self.systems = Categories()
        self.answers = AnswerColumns()
        self.message_count = 0
        self.character_count = 0

    def count_format(self, name: str, line: int) -> None:
        self.format_lines.setdefault(name, array("Q")).append(line)

    def add(self, example: Example) -> None:
        conversation = example.conversation
        self.has_pairs |= example.rejected is not None
        self.lines.append(example.line)
        self.contents.append(shorten_hash(example.content_fingerprint))
        self.sketches.add(read_row_text(conversation))
        self.prompts.append(shorten_hash(example.prompt_fingerprint))
        self.systems.add(profile.system_prompt(example))
        self.answers.add(example)
        self.message_count += len(conversation.messages)
        self.character_count += sum(len(message.content) for message in conversation.messages)

    @property
    def main_format(self) -> str:
        """The name of the format that most rows are in; "chat" where none is known."""
        return max(self.format_lines, key=lambda name: len(self.format_lines[name]), default="chat")

    def line(self, index: int) -> int:
        return self.lines[index]

    @property
    def answer_kind(self) -> profile.AnswerKind:
        """`json` when at least 90 percent of the answers in words are bare JSON."""
        json_count = self.answers.count(Form.JSON)
        word_count = len(self.answers.forms) - self.answers.count(Form.TOOL_CALL)
        is_json = json_count > 0 and json_count >= profile.COMMON_FRACTION * word_count
        return "json" if is_json else "text"

    def find_index(self, line: int) -> int:
        """Of a sound row, by the line that it begins on."""
        return bisect_left(self.lines, line)


def shorten_hash(fingerprint: str) -> int:
    """64 bits of it: among ten million rows two are confused with a probability of 3 in a million."""
    return int(fingerprint[:16], 16)


def find_first(values: Sequence[int]) -> NDArray[np.intp]:
    """For each entry the index of the first one that is equal to it."""
    _, first, inverse = np.unique(np.asarray(values), return_index=True, return_inverse=True)
    indices: NDArray[np.intp] = first[inverse]
    return indices
