"""Answers in words in, the words that they begin with out: so `SELECT` or `<order>` tells bare answers from prose."""

from __future__ import annotations

import re
from collections import Counter

from luthier.data.answers.forms import Form
from luthier.data.answers.sightings import Sightings

MOST_OPENINGS = 1_000
ESTABLISHED_ROWS = 10
COMMON_FRACTION = 0.9
"""Share of the bare answers that begin with one of the established openings, where answers are not prose."""

_OPENING = re.compile(r"\s*(\w{1,20}|\S)")


class Openings:
    """`is_open` is False once bare answers began in too many ways, as prose does."""

    def __init__(self) -> None:
        self.is_open = True
        self._bare = Counter[str]()
        self._dressed: dict[Form, dict[str, Sightings]] = {Form.FENCED_TEXT: {}, Form.CHATTY_TEXT: {}}

    def add(self, form: Form, inside: str, line: int) -> None:
        """`inside` is the answer without its fence or its chatter."""
        if not self.is_open:
            return
        opening = _read_opening(inside)
        if form is Form.TEXT:
            self._bare[opening] += 1
            self.is_open = len(self._bare) <= MOST_OPENINGS
        else:
            self._dressed[form].setdefault(opening, Sightings()).add(line)

    def find_dressed(self, form: Form) -> set[int]:
        """Lines of the answers in a fence, or behind chatter, that begin inside as nearly all bare ones do."""
        common = {opening for opening, count in self._bare.items() if count >= ESTABLISHED_ROWS}
        covered = sum(self._bare[opening] for opening in common)
        if not self.is_open or not common or covered < COMMON_FRACTION * self._bare.total():
            return set()
        return {line for opening, seen in self._dressed[form].items() if opening in common for line in seen.lines}


def _read_opening(text: str) -> str:
    match = _OPENING.match(text)
    return match[1].casefold() if match else ""
