"""Token ids become text one by one: what can no longer change comes out, what still may stays behind.

A tokenizer's decoder looks at its neighbours: bytes make up a character together, and the space before the first word
is dropped. So the latest few tokens are decoded anew with each one that comes, and never the whole answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedTokenizerBase

    Decode = Callable[[list[int]], str]

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""Stands for bytes that are no character, or not yet."""

LONGEST_OPEN = 3
"""Bytes, and so replacement characters, that may begin a character: the longest has four."""

WINDOW_TOKENS = 16


def find_byte_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Tokens with which tokenizers of SentencePiece's kind spell what their vocabulary lacks, such as `<0x0A>`.

    Their decoder reads a run of them as a whole: one wrong byte at its end replaces all characters of the run.
    """
    vocabulary = tokenizer.get_vocab()
    names = (f"<0x{value:02X}>" for value in range(256))
    return frozenset(vocabulary[name] for name in names if name in vocabulary)


class GrowingText:
    """All that `add` returned, and `tail`, are together what `decode` makes of all ids."""

    def __init__(self, decode: Decode, *, byte_ids: frozenset[int] = frozenset()) -> None:
        self._decode = decode
        self._byte_ids = byte_ids
        self._window: list[int] = []
        self._text = ""
        """Of the window."""
        self._settled = 0
        """Characters of the window's text that came out."""
        self._border = 0
        """Tokens of the window after which all text had come out when the latest of them was not there yet."""

    @property
    def tail(self) -> str:
        """What the next tokens may still change, as it stands if none comes."""
        return self._text[self._settled :]

    def add(self, token_id: int) -> str:
        """Text that no further token can change."""
        text = self._decode([*self._window, token_id])
        if text == self._text and not self._decode([token_id, token_id]):
            return ""  # a control token, which is no text wherever it stands
        self._window.append(token_id)
        self._text = text
        if token_id in self._byte_ids:
            return ""
        if text.endswith(REPLACEMENT):
            return self._settle_before_open_bytes()
        fresh = self.tail
        self._settled = len(text)
        if len(self._window) >= WINDOW_TOKENS:
            self._forget_before(self._border)
        self._border = len(self._window)
        return fresh

    def _settle_before_open_bytes(self) -> str:
        border = self._find_border_among_wrong_bytes() if len(self._window) >= WINDOW_TOKENS else 0
        final = self._text.rstrip(REPLACEMENT)
        certain = max(len(final), len(self._text) - LONGEST_OPEN, len(self._decode(self._window[:border])))
        fresh = self._text[self._settled : certain]
        self._settled = max(self._settled, certain)
        if border:
            self._forget_before(border)
            self._border = 0
        return fresh

    def _find_border_among_wrong_bytes(self) -> int:
        """The latest place where the window can be cut: 0 if there is none.

        Bytes on both sides that could make one character have one replacement character together, and one each apart.
        """
        for border in range(len(self._window) - 1, 0, -1):
            end = self._decode(self._window[border:])
            if end and self._decode(self._window[:border]) + end == self._text:
                return border
        return 0

    def _forget_before(self, border: int) -> None:
        """Keeps what was not out when there were `border` tokens, if that gives some text of its own.

        A decoder that drops the first space has then dropped it.
        """
        kept = self._window[border:]
        text = self._decode(kept)
        if border and text and self._text.endswith(text):
            self._settled -= len(self._text) - len(text)
            self._window, self._text = kept, text
