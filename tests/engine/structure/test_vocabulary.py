from __future__ import annotations

import json
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from luthier.engine.protocol import Structure
from luthier.engine.structure.grammars import Grammars
from luthier.errors import InvalidStructure
from luthier.tokens.chat_template import ChatTemplate
from tests.engine.structure.walks import walk
from tests.support.tiny import CHATML, build_template

ANY_TEXT = Structure("regex", "(?s:.*)")


def build_piece_template() -> ChatTemplate:
    """Like those of Llama 2 and Gemma: a space is ▁, and what has no piece of its own is spelt in bytes."""
    pieces = [
        "<unk>",
        "<s>",
        "</s>",
        *(f"<0x{byte:02X}>" for byte in range(256)),
        "▁",
        *"abcdeghilnosrty",
        '"',
        "▁no",
        "▁{",
    ]
    tokenizer = Tokenizer(
        models.BPE({piece: i for i, piece in enumerate(pieces)}, [], unk_token="<unk>", byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    fast.chat_template = CHATML
    return ChatTemplate(fast, frozenset({2}))


def first_mask(template: ChatTemplate, structure: Structure, size: int) -> torch.Tensor:
    return Grammars(template, size).compile(structure).start().mask()


@pytest.mark.parametrize("padding", [0, 1, 31, 32, 64])
def test_a_mask_is_as_wide_as_the_logits_and_forbids_ids_without_a_token(padding: int) -> None:
    template = build_template()
    tokens = len(template.tokenizer)
    mask = first_mask(template, ANY_TEXT, tokens + padding)
    assert mask.shape == (tokens + padding,)
    assert mask.dtype == torch.bool
    assert mask[:tokens].any()
    assert not mask[tokens:].any()


def test_logits_that_are_narrower_than_the_vocabulary_have_a_narrow_mask() -> None:
    template = build_template()
    assert first_mask(template, ANY_TEXT, 256).shape == (256,)


def test_no_control_token_but_a_stop_token_is_ever_allowed() -> None:
    template = build_template()
    mask = first_mask(template, ANY_TEXT, len(template.tokenizer))
    allowed = {token for token in template.tokenizer.all_special_ids if mask[token]}
    assert allowed == set(template.stop_ids)


def test_every_stop_token_may_end_an_answer() -> None:
    tokenizer = build_template().tokenizer
    stops = frozenset({tokenizer.eos_token_id, tokenizer.pad_token_id})
    mask = first_mask(ChatTemplate(tokenizer, stops), ANY_TEXT, len(tokenizer))
    assert all(mask[stop] for stop in stops)


def test_pieces_with_a_mark_for_the_space_write_what_they_decode_to() -> None:
    template = build_piece_template()
    choices = ["no", "a dog", "héllo", "日本", "yes {no}"]
    grammar = Grammars(template, len(template.tokenizer)).compile(Structure("choice", json.dumps(choices)))
    written = {template.decode(walk(grammar, template, Random(seed), patience=999)) for seed in range(40)}
    assert written == set(choices)


def test_a_tokenizer_whose_texts_cannot_be_told_is_refused() -> None:
    slow = cast(PreTrainedTokenizerBase, SimpleNamespace(chat_template="x"))
    with pytest.raises(InvalidStructure, match=r"tokenizer\.json"):
        Grammars(ChatTemplate(slow, frozenset({0})), 10).compile(ANY_TEXT)
