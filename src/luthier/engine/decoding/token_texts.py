"""A token's id goes in, its own text and bytes come out, for those who are told of single tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llguidance import LLTokenizer
from transformers import PreTrainedTokenizerFast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from luthier.engine.decoding.growing_text import Decode

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class TokenText(NamedTuple):
    """`utf8` is what the token adds to a text; None for a control token, and where it cannot be told."""

    text: str
    utf8: tuple[int, ...] | None


class TokenTexts:
    """Of one tokenizer. Bytes that are no character by themselves have replacement characters as their text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Takes up to a second."""
        self._decode: Decode = lambda ids: str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))
        self._size = len(tokenizer)
        self._library = _read_tokenizer(tokenizer)

    def find(self, token: int) -> TokenText:
        """Of an id that the tokenizer does not have, an empty text."""
        if self._library is None or token >= self._size:
            text = self._decode([token])
            return TokenText(text, tuple(text.encode()) if text and REPLACEMENT not in text else None)
        if self._library.is_special_token(token):
            return TokenText(self._decode([token]), None)
        utf8 = self._library.decode_bytes([token])
        if not utf8:  # the library keeps the byte 255 for itself, which is in no text
            return TokenText(self._decode([token]), None)
        return TokenText(utf8.decode(errors="replace"), tuple(utf8))


def _read_tokenizer(tokenizer: PreTrainedTokenizerBase) -> LLTokenizer | None:
    """None for what the grammar library does not read: its texts are then what the tokenizer makes of single ids."""
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        return None
    try:
        return LLTokenizer(tokenizer.backend_tokenizer.to_str(), n_vocab=len(tokenizer))
    except ValueError:
        return None
