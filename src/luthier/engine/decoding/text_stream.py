"""Tokens of one answer become text that may be shown at once: whole characters, and nothing of what ends the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luthier.engine.decoding.growing_text import REPLACEMENT, GrowingText, find_byte_ids
from luthier.engine.decoding.stopping import TextWatch, cut_at_stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from luthier.engine.decoding.growing_text import Decode

__all__ = ["TextStream", "find_byte_ids"]


class TextStream:
    """What `add` and `finish` return is together what `decode` makes of all ids, cut at the first stop text."""

    def __init__(self, decode: Decode, stop: Sequence[str] = (), *, byte_ids: frozenset[int] = frozenset()) -> None:
        self.is_stopped = False
        """A stop text is complete; what is added after it is ignored."""
        self._growing = GrowingText(decode, byte_ids=byte_ids)
        self._stop = [ending for ending in stop if ending]
        self._watches = [TextWatch(ending) for ending in self._stop]
        self._shown: list[str] = []
        self._shown_length = 0
        self._held = ""
        """Text that came after what was shown."""

    @property
    def text(self) -> str:
        """All that was shown."""
        return "".join(self._shown)

    def add(self, token_id: int) -> str:
        """What may be shown after this token."""
        if self.is_stopped:
            return ""
        self._take(self._growing.add(token_id))
        tail = self._growing.tail
        if tail and not tail.endswith(REPLACEMENT) and cut_at_stop(self._held + tail, self._stop) is not None:
            self._take(tail)  # the answer ends here, and no token comes that could change it
        hidden = 0 if self.is_stopped else max((watch.overlap for watch in self._watches), default=0)
        return self._show(len(self._held) - hidden)

    def finish(self) -> str:
        """The rest: no more tokens come. An answer may be stopped by what was held back."""
        if not self.is_stopped:
            self._take(self._growing.tail)
        return self._show(len(self._held))

    def _take(self, text: str) -> None:
        if self.is_stopped:
            return
        self._held += text
        for watch in self._watches:
            watch.feed(text)
        places = [watch.place for watch in self._watches if watch.place is not None]
        if places:
            self.is_stopped = True
            self._held = self._held[: min(places) - self._shown_length]

    def _show(self, length: int) -> str:
        shown, self._held = self._held[:length], self._held[length:]
        self._shown.append(shown)
        self._shown_length += length
        return shown
