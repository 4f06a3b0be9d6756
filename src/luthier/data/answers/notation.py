"""A short text in, out come all the notations of a date, a time or a number that it can be read as.

A text often fits several: `01/02/2024` may begin with the day or with the month, and `12` is written alike everywhere.
So two texts are written differently only when they have no notation in common.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from luthier.data.answers.dates import read_date, read_time
from luthier.data.answers.numbers import read_number

Kind = Literal["date", "time", "number"]

LONGEST_NOTATION = 40
"""Characters; a longer text says more than a date or a number."""

_BARE_PAIR = re.compile(r"[DM][-/][DM]")
_DIGIT = re.compile(r"\d")


class Notation(NamedTuple):
    """`fits` names each notation by a pattern that shows it, such as `DD.MM.YYYY`."""

    kind: Kind
    fits: frozenset[str]

    @property
    def is_certain(self) -> bool:
        """Whether it has to be a date or a time: `7/10` and `10-12` may be a score and a range, `07/10` is a date."""
        return all(not _BARE_PAIR.fullmatch(pattern) for pattern in self.fits)


@lru_cache(maxsize=8192)
def read_notation(text: str) -> Notation | None:
    """None for a text that is neither a date nor a time nor a number; white space around it does not count."""
    if len(text) > LONGEST_NOTATION or not _DIGIT.search(text):
        return None
    bare = text.strip()
    if fits := read_date(bare):
        return Notation("date", fits)
    if fits := read_time(bare):
        return Notation("time", fits)
    if fits := read_number(bare):
        return Notation("number", fits)
    return None
