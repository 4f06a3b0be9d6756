"""A chat template's tokenizer goes in, the library's view of it comes out; masks are as wide as the model's logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from llguidance import LLTokenizer
from transformers import PreTrainedTokenizerFast

from luthier.errors import InvalidStructure

if TYPE_CHECKING:
    from llguidance import LLMatcher

    from luthier.tokens.chat_template import ChatTemplate

WORD_BITS = 32


class Vocabulary:
    """`size` is the width V of the logits; ids that no token has are never allowed, nor are control tokens but the
    template's stop tokens, where the text may end."""

    def __init__(self, template: ChatTemplate, size: int) -> None:
        """Takes up to a second. Raises InvalidStructure where the tokenizer's texts cannot be told."""
        self.size = size
        self.tokenizer = _read_tokenizer(template, size)
        self.stop_ids = template.stop_ids

    def compute_mask(self, matcher: LLMatcher) -> torch.Tensor:
        """(V,) bool: what may come next. Lets other threads run meanwhile."""
        words = np.zeros(-(-self.tokenizer.vocab_size // WORD_BITS), dtype=np.uint32)
        matcher.unsafe_compute_mask_ptr(words.ctypes.data, words.nbytes)
        bits = np.unpackbits(words.view(np.uint8), count=self.tokenizer.vocab_size, bitorder="little")
        return torch.from_numpy(bits[: self.size].view(np.bool_))


def _read_tokenizer(template: ChatTemplate, size: int) -> LLTokenizer:
    tokenizer = template.tokenizer
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise InvalidStructure(
            "the base model's tokenizer has no tokenizer.json, which structured output needs",
            hint="take a base model that has one",
        )
    width = max(size, len(tokenizer))
    try:
        return LLTokenizer(tokenizer.backend_tokenizer.to_str(), n_vocab=width, eos_token=sorted(template.stop_ids))
    except ValueError as error:
        raise InvalidStructure(
            f"the base model's tokenizer cannot produce structured output: {error}", hint="take another base model"
        ) from error
