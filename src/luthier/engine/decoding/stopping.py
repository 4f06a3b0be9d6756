"""Where a text ends: at the first of the stop texts that occurs in it, also while it is still growing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def cut_at_stop(text: str, stop: Sequence[str]) -> str | None:
    """The text before the earliest stop text; None when none occurs."""
    places = [place for ending in stop if ending and (place := text.find(ending)) >= 0]
    return text[: min(places)] if places else None


class TextWatch:
    """Looks for one text in another that comes piece by piece, in constant time per character.

    Knuth, Morris and Pratt, Fast Pattern Matching in Strings (1977).
    """

    def __init__(self, wanted: str) -> None:
        """`wanted` is not empty."""
        self._wanted = wanted
        self._fallbacks = [0]
        """For each beginning of the wanted text, how long the longest shorter beginning is that ends it."""
        self._length = 0
        self.overlap = 0
        """Characters at the end of what came so far that may be the beginning of the wanted text."""
        self.place: int | None = None
        """Where in all that came the wanted text begins for the first time."""
        for character in wanted[1:]:
            self._fallbacks.append(self._advance(self._fallbacks[-1], character))

    def feed(self, text: str) -> None:
        for character in text:
            self._length += 1
            self.overlap = self._advance(self.overlap, character)
            if self.overlap == len(self._wanted):
                self.overlap = self._fallbacks[-1]
                if self.place is None:
                    self.place = self._length - len(self._wanted)

    def _advance(self, overlap: int, character: str) -> int:
        while overlap and self._wanted[overlap] != character:
            overlap = self._fallbacks[overlap - 1]
        return overlap + (self._wanted[overlap] == character)
