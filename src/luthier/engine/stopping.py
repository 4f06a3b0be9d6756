"""Where a text ends: at the first of the stop texts that occurs in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def cut_at_stop(text: str, stop: Sequence[str]) -> str | None:
    """The text before the earliest stop text; None when none occurs."""
    places = [place for ending in stop if ending and (place := text.find(ending)) >= 0]
    return text[: min(places)] if places else None
