"""Where something stands in a text, and what it is called."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """`value` is what the text says between `start` and `end`; `name` is said to people, such as GitHub token."""

    start: int
    end: int
    value: str
    name: str
