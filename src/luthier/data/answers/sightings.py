"""How many rows do one and the same thing, and where the first of them stand: what is kept instead of the rows."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

KEPT_LINES = 10_000
"""What more rows do than this is no slip in any file that anybody trains on."""

KEPT_TEXTS = 200
LONGEST_KEPT_TEXT = 120


class Place(NamedTuple):
    """`text` is the beginning of what stands there, "" where that was not kept."""

    line: int
    text: str


class Sightings:
    """Rows are counted once each, however often they do it; they have to be added in the order of the file.

    `copied` counts those whose text stands in their prompt too.
    """

    __slots__ = ("_last", "copied", "count", "lines", "texts")

    def __init__(self) -> None:
        self.count = 0
        self.copied = 0
        self.lines = array("Q")
        self.texts: list[str] = []
        self._last = 0

    def add(self, line: int, text: str = "", is_copied: bool = False) -> None:
        """`is_copied` says that the text stands in the prompt too."""
        if line == self._last:
            return
        self._last = line
        self.count += 1
        self.copied += is_copied
        if self.count <= KEPT_LINES:
            self.lines.append(line)
            if self.count <= KEPT_TEXTS:
                self.texts.append(text[:LONGEST_KEPT_TEXT])

    @staticmethod
    def merge(parts: Sequence[Sightings]) -> Sightings:
        """Of rows that do one thing or another; those that do several count several times."""
        if len(parts) == 1:
            return parts[0]
        merged = Sightings()
        merged.count = count_rows(parts)
        merged.copied = sum(part.copied for part in parts)
        places = {place.line: place.text for part in parts for place in part.places()}
        lines = sorted(places)[:KEPT_LINES]
        merged.lines = array("Q", lines)
        merged.texts = [places[line] for line in lines[:KEPT_TEXTS]]
        return merged

    def places(self) -> Iterator[Place]:
        texts = self.texts
        for number, line in enumerate(self.lines):
            yield Place(line, texts[number] if number < len(texts) else "")

    @property
    def sample(self) -> str:
        """The first text that was seen."""
        return self.texts[0] if self.texts else ""


def count_rows(sightings: Iterable[Sightings]) -> int:
    return sum(sighting.count for sighting in sightings)
